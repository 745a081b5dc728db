import type { Case, Subject } from './row.js';

/** Lengths other than 32 were refused before 6.3. */
const EXTENSIBLE: readonly Case[] = [
  [{ lengthRule: 'exactly-32' }, 'EINVAL'],
  [{}, '0'],
];
const AT_32: readonly Case[] = [
  [{ lengthRule: 'exactly-32' }, 'EINVAL'],
  [{ requiredAlign: 64 }, 'EINVAL'],
  [{}, '0'],
];
/** fd881d0a085f (6.15) went into stable series too: before 6.15 both answers are right. */
const EAGER = (before: string, since: string): readonly Case[] => [
  [{ registrationClearsRseqCs: false }, [before, since]],
  [{}, since],
];

// biome-ignore format: a table
export const REGISTRATION: readonly Subject[] = [
  {
    title: 'registration',
    harm: 'libraries may fail to register, or believe that they did.',
    rows: [
      { id: 'register.ok', promise: 'a thread registers 32 bytes', expected: '0' },
      { id: 'register.signature-0', promise: 'any signature will do, 0 too', expected: '0' },
      { id: 'register.flag-2', promise: 'flag SLICE_EXT_DEFAULT_ON: known since 7.0', expected: [[{ sliceExtension: true }, '0'], [{}, 'EINVAL']] },
      { id: 'register.flag-4', promise: 'an unknown flag is refused', expected: 'EINVAL' },
      { id: 'register.flag-before-fault', promise: 'flags are looked at before the address', expected: 'EINVAL' },
      { id: 'register.length-0', promise: 'length 0 is refused', expected: 'EINVAL' },
      { id: 'register.length-20', promise: 'length 20 is refused, though older kernels use no more', expected: 'EINVAL' },
      { id: 'register.length-28', promise: 'length 28 is refused, though it is the feature size of 6.3 to 6.19', expected: 'EINVAL' },
      { id: 'register.length-31', promise: 'length 31 is refused', expected: 'EINVAL' },
      { id: 'register.length-33', promise: 'length 33, what glibc 2.41 registers on 7.0', expected: EXTENSIBLE },
      { id: 'register.length-64', promise: 'length 64', expected: EXTENSIBLE },
      { id: 'register.length-4294967295', promise: 'any greater length', expected: EXTENSIBLE },
      { id: 'register.length-32-at-32', promise: 'length 32 needs an alignment of 32', expected: '0' },
      { id: 'register.length-33-at-32', promise: 'length 33 at a multiple of 32 that is none of 64', expected: AT_32 },
      { id: 'register.length-64-at-32', promise: 'length 64 at a multiple of 32 that is none of 64', expected: AT_32 },
      { id: 'register.length-32-at-16', promise: 'an alignment of 16 is refused', expected: 'EINVAL' },
      { id: 'register.length-64-at-16', promise: 'with length 64 too', expected: 'EINVAL' },
      { id: 'register.length-before-fault', promise: 'the length is looked at before the address', expected: 'EINVAL' },
      { id: 'register.null', promise: 'address NULL', expected: EAGER('0', 'EFAULT') },
      { id: 'register.unmapped', promise: 'an address where nothing is mapped', expected: EAGER('killed by SIGSEGV', 'EFAULT') },
      { id: 'register.task-size', promise: 'the first address behind user space is refused', expected: 'EFAULT' },
      { id: 'register.kernel-address', promise: 'an address of the kernel is refused', expected: 'EFAULT' },
      { id: 'register.read-only', promise: 'a page that cannot be written', expected: [[{ evaluation: 'every-switch' }, 'killed by SIGSEGV'], [{}, 'EFAULT']] },
      { id: 'register.read-only-rseq-cs', promise: 'the same with an rseq_cs that must be cleared', expected: EAGER('killed by SIGSEGV', 'EFAULT') },
      { id: 'register.clears-rseq-cs', promise: 'an rseq_cs that was not NULL is cleared', expected: '0; rseq_cs cleared' },
      { id: 'register.clears-nonsense', promise: 'also where it points nowhere', expected: EAGER('killed by SIGSEGV', '0; rseq_cs cleared') },
      { id: 'register.keeps-flags', promise: 'rseq.flags: left alone, since 7.0 the kernel\'s', expected: [[{ sliceExtension: false }, '0; flags 0x30'], [{ evaluation: 'by-length' }, '0; flags 0x0'], [{}, ['0; flags 0x10', '0; flags 0x0']]] },
      { id: 'registered.same', promise: 'registering the same again', expected: 'EBUSY' },
      { id: 'registered.signature', promise: 'the same with another signature', expected: 'EPERM' },
      { id: 'registered.flag', promise: 'the same with an unknown flag', expected: 'EINVAL' },
      { id: 'registered.address', promise: 'another address while registered', expected: 'EINVAL' },
      { id: 'registered.length', promise: 'another length while registered', expected: 'EINVAL' },
      { id: 'registered.address-signature', promise: 'the address counts before the signature', expected: 'EINVAL' },
      { id: 'registered.length-signature', promise: 'the length counts before the signature', expected: 'EINVAL' },
      { id: 'registered.refused-leaves', promise: 'refused calls leave the registration as it is', expected: 'EBUSY' },
      { id: 'unregister.ok', promise: 'unregistering', expected: '0' },
      { id: 'unregister.values', promise: 'the fields after unregistering', expected: [[{ unregisterCpuIdStart: -1 }, '0; cpu_id_start 4294967295; cpu_id -1; node_id 0; mm_cid 0'], [{}, '0; cpu_id_start 0; cpu_id -1; node_id 0; mm_cid 0']] },
      { id: 'unregister.keeps-rseq-cs', promise: 'rseq_cs is left alone', expected: 'rseq_cs kept' },
      { id: 'unregister.left-alone', promise: 'the area is not touched any more', expected: 'survived, cpu_id -1' },
      { id: 'unregister.twice', promise: 'a second time', expected: '0; EINVAL' },
      { id: 'unregister.then-register', promise: 'other addresses, lengths and signatures afterwards', expected: [[{ lengthRule: 'exactly-32' }, '0; EINVAL; EINVAL; 0'], [{}, '0; 0; 0; 0']] },
      { id: 'unregister.never', promise: 'without registration', expected: 'EINVAL' },
      { id: 'unregister.flag', promise: 'with another flag', expected: 'EINVAL' },
      { id: 'unregister.address', promise: 'another address', expected: 'EINVAL' },
      { id: 'unregister.length', promise: 'another length', expected: 'EINVAL' },
      { id: 'unregister.signature', promise: 'another signature', expected: 'EPERM' },
      { id: 'unregister.address-signature', promise: 'the address counts before the signature', expected: 'EINVAL' },
      { id: 'unregister.read-only', promise: 'the area can no longer be written', expected: [[{ evaluation: 'every-switch' }, 'EFAULT'], [{}, 'child killed by SIGSEGV']] },
      { id: 'unregister.read-only-signature', promise: 'the signature counts before that', expected: 'EPERM' },
    ],
  },
  {
    title: 'fields',
    rows: [
      { id: 'auxv.feature-size', promise: 'AT_RSEQ_FEATURE_SIZE', expected: [[{ featureSize: 20 }, '0'], [{ featureSize: 28 }, '28'], [{}, '33']] },
      { id: 'auxv.align', promise: 'AT_RSEQ_ALIGN', expected: [[{ featureSize: 20 }, '0'], [{ requiredAlign: 32 }, '32'], [{}, '64']] },
      { id: 'fields.unregistered', promise: 'an area that is not registered is left alone', expected: 'cpu_id -1' },
      { id: 'fields.registered', promise: 'the fields are right when rseq(2) has returned', expected: [
        [{ featureSize: 20 }, 'cpu_id_start = getcpu; cpu_id = getcpu; node_id untouched; mm_cid untouched; byte 28 untouched'],
        [{ sliceExtension: true, evaluation: 'interrupted-only' }, ['cpu_id_start = getcpu; cpu_id = getcpu; node_id = getcpu; mm_cid is small; byte 28 written', 'cpu_id_start = getcpu; cpu_id = getcpu; node_id = getcpu; mm_cid is small; byte 28 untouched']],
        [{}, 'cpu_id_start = getcpu; cpu_id = getcpu; node_id = getcpu; mm_cid is small; byte 28 untouched'],
      ] },
      { id: 'fields.every-cpu', promise: 'cpu_id is that of getcpu(2) on every CPU', expected: 'wrong on 0 CPUs' },
      { id: 'fields.mm-cid-range', promise: 'mm_cid is below the number of CPUs', expected: 'two threads: in range' },
      { id: 'fields.flags', promise: 'the kernel sets no flags by itself', expected: 'flags 0x0' },
    ],
  },
];
