export { type Addr, hex } from './abi/address.js';
export { KERNEL_COLUMNS, kernelRules } from './abi/kernel-rules.js';
export { VIOLATIONS, type ViolationId } from './abi/violations.js';
export { BinaryError } from './binary/error.js';
export type { ProgramImage, SourceLine } from './binary/image.js';
export { readImage } from './binary/read.js';
export { type CheckFileOptions, check } from './check/api.js';
export { type CheckOptions, type CheckResult, checkImage, type Finding } from './check/check.js';
export type { ListingLine } from './check/listing.js';
export type { Rule, Severity } from './check/rule.js';
export { RULES } from './check/rules/index.js';
export type { SectionSummary } from './check/summary.js';
export type { AbortCause, Event, Happening, Stamp } from './event/event.js';
export { EventHash } from './event/hash.js';
export { eventJson } from './event/json.js';
export {
  type RecordedProgram,
  type Recording,
  RecordingError,
  type RunEnd,
  type RunSettings,
  readRecording,
  writeRecording,
} from './event/recording.js';
export { type Host, InputPending } from './kernel/host.js';
export { Kernel, type KernelOptions } from './kernel/kernel.js';
export { makePolicy, POLICIES } from './kernel/policies/index.js';
export type { Policy } from './kernel/policy.js';
export { ProgramError } from './kernel/program-error.js';
export { RecordingHost, ReplayHost } from './kernel/recorded-host.js';
export { boot, type Outcome, run } from './kernel/run.js';
export {
  type Divergence,
  EventNotes,
  type Observer,
  ReplayCheck,
  recordingOf,
  restart,
  start,
} from './kernel/session.js';
export { type KernelSnapshot, restoreSnapshot, takeSnapshot } from './kernel/snapshot.js';
export { processViews } from './kernel/view.js';
export type { MapView, ProcessView, Registers, RseqConfiguration, ThreadView } from './process/process.js';
export { type RseqState, rseqState } from './process/rseq.js';
export { eventText } from './report/event-text.js';
export { type Findings, findSections } from './sections/find.js';
export type { CriticalSection, Descriptor, FoundBy } from './sections/section.js';
