export interface PackageFacts {
  name: string
  version: string
  license: string
  text: string
}
export interface Bom {
  serialNumber: string
}
export function packageFoldersOf(files: readonly string[]): string[]
export function describePackage(folder: string): PackageFacts
export function distinct(packages: readonly PackageFacts[]): PackageFacts[]
export function noticeOf(packages: readonly PackageFacts[]): string
export function cycloneDx(name: string, version: string, packages: readonly PackageFacts[]): Bom
export function bundledIn(bundleFolder: string): PackageFacts[]
