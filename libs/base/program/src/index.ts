export { DEFAULT_CONFIG_FILE, whyNotParsed } from './arguments.ts'
export { explainError, UsageError } from './explain-error.ts'
export { runProgram } from './run-program.ts'
export type { Program, ProgramOptions } from './run-program.ts'
