/**
 * Is a name a public suffix, under which strangers register names? A rule for one covers all of them, so it is taken with a warning.
 *
 * Not the Public Suffix List, which has ten thousand lines and changes weekly: names of one label, and the registries' own second levels
 * that are most often met. A suffix that is missing here costs a warning and nothing else.
 */

export function isPublicSuffix(name: string): boolean {
  const dot = name.indexOf('.')
  if (dot < 0) return true
  if (name.length > LONGEST || name.indexOf('.', dot + 1) >= 0) return false
  return SECOND_LEVELS.get(name.slice(dot + 1))?.has(name.slice(0, dot)) === true
}

/** The same for an ASCII name in bytes, normalized; most names are too long or have too many labels, and cost a few comparisons. */
export function isPublicSuffixBytes(bytes: Uint8Array, length: number): boolean {
  let dot = -1
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== DOT) continue
    if (dot >= 0) return false
    dot = i
  }
  if (dot < 0) return true
  if (length > LONGEST || length - dot > LONGEST_TLD) return false
  return isPublicSuffix(String.fromCharCode(...bytes.subarray(0, length)))
}

const DOT = 0x2e

/** Second levels by top level. */
const SECOND_LEVELS = new Map(
  Object.entries({
    ae: 'ac co gov net org sch',
    ar: 'com edu gob gov int mil net org',
    at: 'ac co gv or',
    au: 'asn com edu gov id net org',
    bd: 'ac com edu gov net org',
    br: 'adm art blog com edu gov ind net org tv',
    cn: 'ac com edu gov mil net org',
    co: 'com edu gov mil net nom org',
    cy: 'ac com gov net org',
    ec: 'com edu fin gob gov net org',
    eg: 'com edu gov net org sci',
    gr: 'com edu gov net org',
    hk: 'com edu gov idv net org',
    hu: 'co info org',
    id: 'ac co desa go mil my net or sch web',
    il: 'ac co gov k12 muni net org',
    in: 'ac co edu firm gen gov ind mil net nic org res',
    ir: 'ac co gov id net org sch',
    it: 'edu gov',
    jp: 'ac ad co ed go gr lg ne or',
    ke: 'ac co go info me mobi ne or sc',
    kr: 'ac co go mil ne or pe re',
    kz: 'com edu gov mil net org',
    lk: 'ac com edu gov net org',
    ma: 'ac co gov net org press',
    mx: 'com edu gob net org',
    my: 'com edu gov mil name net org',
    ng: 'com edu gov i mil mobi name net org sch',
    nz: 'ac co cri geek gen govt health iwi maori mil net org school',
    pe: 'com edu gob mil net nom org',
    ph: 'com edu gov mil net ngo org',
    pk: 'com edu gob gov net org web',
    pl: 'com edu gov info net org',
    pt: 'com edu gov net org',
    ro: 'com info org',
    rs: 'ac co edu gov in org',
    ru: 'ac com edu gov int mil msk net org pp spb',
    sa: 'com edu gov med net org pub sch',
    sg: 'com edu gov net org per',
    th: 'ac co go in mi net or',
    tr: 'av bbs bel biz com dr edu gen gov info k12 mil name net org pol tel tv web',
    tw: 'club com ebiz edu game gov idv mil net org',
    ua: 'co com edu gov in kiev kyiv net org',
    uk: 'ac co gov ltd me mod net nhs org plc police sch',
    uy: 'com edu gub mil net org',
    ve: 'co com edu gob gov info net org web',
    vn: 'ac biz com edu gov health id info int io name net org pro',
    za: 'ac co edu gov law mil net nom org web',
  }).map(([top, seconds]) => [top, new Set(seconds.split(' '))]),
)
const LONGEST_TLD = 3 // of those above, with the dot
const LONGEST = 10
