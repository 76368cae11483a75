/**
 * What a power cut can leave: recorded system calls (`historyOf`) or a history written by hand
 * (`Recorder`) go in, every state that a model of a file system allows comes out and is looked at.
 * Pure code, which neither runs a program nor touches a disk; `StateFolder` then makes a state real.
 */
export { checkCrashStates, contentsKeyOf, crashStates, examineCrashStates } from "./check.mjs";
export type { CheckOptions, CrashState, ExamineOptions, Report, Violation } from "./check.mjs";
export { MARK, concerns, historyOf } from "./calls.mjs";
export { ext4 } from "./ext4.mjs";
export { edited } from "./history.mjs";
export type { Disk, FileState, History, Inode, Operation } from "./history.mjs";
export { killed } from "./killed.mjs";
export { posix } from "./posix.mjs";
export { Recorder } from "./recorder.mjs";
export { diskOf, readDisk } from "./snapshot.mjs";
export { StateFolder } from "./state-folder.mjs";
