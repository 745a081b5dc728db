/** Whose process it is. */
import type { CredentialsImage } from '../../checkpoint/image.js';
import { isErrno } from '../../linux/errors.js';
import { type InThread, withBytes } from '../../linux/inject.js';
import { credentialsOf } from './attributes.js';
import { Unsupported } from './refusal.js';

const equal = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index]);

const same = (a: CredentialsImage, b: CredentialsImage): boolean =>
  equal(a.users, b.users) &&
  equal(a.groups, b.groups) &&
  equal(a.supplementary, b.supplementary) &&
  equal(a.capabilities, b.capabilities);

const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
const PR_CAPBSET_DROP = 24;
const INHERITABLE = 0;
const PERMITTED = 1;
const EFFECTIVE = 2;
const BOUNDING = 3;

/** Makes a thread the user's whose process it was; whoever may not is told by checkCredentials. */
export function setCredentials(pid: number, tid: number, call: InThread, wanted: CredentialsImage): void {
  const now = credentialsOf(tid);
  if (same(now, wanted)) return;
  const attempt = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!isErrno(error, 'EPERM', 'EINVAL')) throw error;
    }
  };
  const { users, groups, supplementary, capabilities } = wanted;
  const dropped = now.capabilities[BOUNDING]! & ~capabilities[BOUNDING]!;
  for (let bit = 0; bit < 64; bit++)
    if ((dropped >> BigInt(bit)) & 1n) attempt(() => call('prctl', PR_CAPBSET_DROP, bit, 0, 0, 0));
  if (!equal(now.supplementary, supplementary)) {
    const bytes = new Uint8Array(new Uint32Array(supplementary.length === 0 ? [0] : supplementary).buffer);
    attempt(() =>
      withBytes(
        pid,
        call,
        () => bytes,
        (at) => call('setgroups', supplementary.length, at),
      ),
    );
  }
  if (!equal(now.groups, groups)) {
    attempt(() => call('setresgid', groups[0]!, groups[1]!, groups[2]!));
    attempt(() => call('setfsgid', groups[3]!));
  }
  if (!equal(now.users, users)) {
    attempt(() => call('setresuid', users[0]!, users[1]!, users[2]!));
    attempt(() => call('setfsuid', users[3]!));
  }
  // Becoming another user has changed them.
  if (equal(credentialsOf(tid).capabilities, capabilities)) return;
  const words = new Uint32Array(8);
  // struct __user_cap_header_struct, two of struct __user_cap_data_struct: effective, permitted, inheritable.
  words[0] = LINUX_CAPABILITY_VERSION_3;
  for (const [index, set] of [EFFECTIVE, PERMITTED, INHERITABLE].entries()) {
    words[2 + index] = Number(capabilities[set]! & 0xffff_ffffn);
    words[5 + index] = Number(capabilities[set]! >> 32n);
  }
  attempt(() =>
    withBytes(
      pid,
      call,
      () => new Uint8Array(words.buffer),
      (at) => call('capset', at, at + 8n),
    ),
  );
}

/** Throws Unsupported: it would be more, or less, than it was. */
export function checkCredentials(tid: number, wanted: CredentialsImage): void {
  if (same(credentialsOf(tid), wanted)) return;
  const { users, groups } = wanted;
  throw new Unsupported(
    `it cannot get its user ${users[0]}, group ${groups[0]}, and capabilities again; run as root, or as that user`,
  );
}
