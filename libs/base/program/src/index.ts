export { runProgram, UsageError } from './run-program.ts'
export type { Program, ProgramOptions } from './run-program.ts'
