/**
 * Names of the system registers that code in user space meets (Arm ARM D17, C5.2); key op0_op1_CRn_CRm_op2.
 * Any other is written `s3_0_c1_c2_3`, as assemblers take it too.
 */
// biome-ignore format: a table
const NAMES: Readonly<Record<string, string>> = {
  '3_3_13_0_2': 'tpidr_el0',    '3_3_13_0_3': 'tpidrro_el0',  '3_3_13_0_5': 'tpidr2_el0', '3_0_13_0_4': 'tpidr_el1',
  '3_3_4_2_0': 'nzcv',          '3_3_4_2_1': 'daif',          '3_3_4_2_5': 'dit',         '3_3_4_2_6': 'ssbs',
  '3_3_4_2_7': 'tco',           '3_3_4_4_0': 'fpcr',          '3_3_4_4_1': 'fpsr',        '3_3_4_2_2': 'svcr',
  '3_3_14_0_0': 'cntfrq_el0',   '3_3_14_0_1': 'cntpct_el0',   '3_3_14_0_2': 'cntvct_el0',
  '3_3_14_0_5': 'cntpctss_el0', '3_3_14_0_6': 'cntvctss_el0',
  '3_3_0_0_1': 'ctr_el0',       '3_3_0_0_7': 'dczid_el0',     '3_3_2_4_0': 'rndr',        '3_3_2_4_1': 'rndrrs',
  '3_3_9_12_0': 'pmcr_el0',     '3_3_9_13_0': 'pmccntr_el0',  '3_3_9_14_0': 'pmuserenr_el0',
  '3_0_0_0_0': 'midr_el1',      '3_0_0_0_5': 'mpidr_el1',     '3_0_0_0_6': 'revidr_el1',
  '3_0_0_4_0': 'id_aa64pfr0_el1',  '3_0_0_4_1': 'id_aa64pfr1_el1',  '3_0_0_4_4': 'id_aa64zfr0_el1', '3_0_0_4_5': 'id_aa64smfr0_el1',
  '3_0_0_5_0': 'id_aa64dfr0_el1',  '3_0_0_5_1': 'id_aa64dfr1_el1',
  '3_0_0_6_0': 'id_aa64isar0_el1', '3_0_0_6_1': 'id_aa64isar1_el1', '3_0_0_6_2': 'id_aa64isar2_el1',
  '3_0_0_7_0': 'id_aa64mmfr0_el1', '3_0_0_7_1': 'id_aa64mmfr1_el1', '3_0_0_7_2': 'id_aa64mmfr2_el1',
  '3_0_4_1_0': 'sp_el0', '3_0_4_2_0': 'spsel', '3_0_4_2_2': 'currentel', '3_0_4_2_3': 'pan', '3_0_4_2_4': 'uao',
  '3_0_4_0_0': 'spsr_el1', '3_0_4_0_1': 'elr_el1', '3_0_1_0_0': 'sctlr_el1', '3_0_1_0_2': 'cpacr_el1',
  '3_0_2_0_0': 'ttbr0_el1', '3_0_2_0_1': 'ttbr1_el1', '3_0_2_0_2': 'tcr_el1', '3_0_5_2_0': 'esr_el1',
  '3_0_6_0_0': 'far_el1', '3_0_10_2_0': 'mair_el1', '3_0_12_0_0': 'vbar_el1',
};

export const systemRegister = (op0: number, op1: number, crn: number, crm: number, op2: number): string =>
  NAMES[`${op0}_${op1}_${crn}_${crm}_${op2}`] ?? `s${op0}_${op1}_c${crn}_c${crm}_${op2}`;
