/**
 * Which names in which folders must be watched to notice that a path holds something else.
 *
 * Editors replace a file by another, and a Kubernetes ConfigMap swaps the link `..data` beside it. So the folder is watched, for the one name in it
 * that leads to the file; and each symbolic link on the way is watched in its own folder. Other files in these folders say nothing about the path:
 * a cache or a log file that is written all the time must not keep an edit from being read.
 */
import { lstatSync, readlinkSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'

/** Names in a folder; `all`: every name that does not begin with a dot (the folder is itself a list). */
export type WatchedNames = 'all' | ReadonlySet<string>

/** As Linux does (path_resolution(7)). */
const MAX_LINKS = 40

/** By folder. A missing file is watched for in the folder that it would be in. */
export function watchedPlaces(paths: readonly string[]): Map<string, WatchedNames> {
  const places = new Map<string, Set<string> | 'all'>()
  for (const path of paths) {
    const end = follow(resolve(path), (folder, name) => {
      const names = places.get(folder) ?? new Set<string>()
      places.set(folder, names)
      if (names !== 'all') names.add(name)
    })
    if (isFolder(end)) places.set(end, 'all')
  }
  return places
}

/** Walks to the file that the path leads to, and says which names decide about the way. Returns where the walk ended. */
function follow(path: string, decides: (folder: string, name: string) => void): string {
  let at = '/'
  let rest = path.split('/').filter((part) => part !== '')
  let links = 0
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = join(at, part) // `.` and `..` too
    const found = lookAt(next)
    if (found === 'other' && rest.length > 0) {
      at = next
      continue
    }
    decides(at, part)
    if (found === 'other' || found === 'missing' || ++links > MAX_LINKS) return next
    if (isAbsolute(found.linkTo)) at = '/'
    rest = [...found.linkTo.split('/').filter((one) => one !== ''), ...rest]
  }
  return at
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false // missing, or links in a circle
  }
}

function lookAt(path: string): { readonly linkTo: string } | 'other' | 'missing' {
  try {
    return lstatSync(path).isSymbolicLink() ? { linkTo: readlinkSync(path) } : 'other'
  } catch {
    return 'missing'
  }
}
