/**
 * Addresses that would take far too much with them if the owner of a listed name claimed them: data for the never list.
 *
 * One entry for each operator: the reason as `explain` shows it, then addresses and prefixes. To add one, add a line with its source. A whole
 * prefix stands here where the operator uses all of it for resolvers, so that a new address in it needs no new version of ours.
 * The root servers were compared with Debian's dns-root-data on 2026-11-30. The other sources say where to check an entry; they could not be
 * reached when these lines were written. Forms that embed an IPv4 address (DNS64 answers among them) need no line: embedded-ipv4.ts.
 */
type Entry = readonly [reason: string, ...prefixes: string[]]

/** https://www.internic.net/domain/named.root; addresses that a letter had before are listed while resolvers may still ask there. */
const ROOT_SERVERS: readonly Entry[] = [
  ['root server (a.root-servers.net)', '198.41.0.4', '2001:503:ba3e::2:30'],
  ['root server (b.root-servers.net)', '170.247.170.2', '2801:1b8:10::b', '199.9.14.201', '2001:500:200::b'],
  ['root server (c.root-servers.net)', '192.33.4.12', '2001:500:2::c'],
  ['root server (d.root-servers.net)', '199.7.91.13', '2001:500:2d::d'],
  ['root server (e.root-servers.net)', '192.203.230.10', '2001:500:a8::e'],
  ['root server (f.root-servers.net)', '192.5.5.241', '2001:500:2f::f'],
  ['root server (g.root-servers.net)', '192.112.36.4', '2001:500:12::d0d'],
  ['root server (h.root-servers.net)', '198.97.190.53', '2001:500:1::53'],
  ['root server (i.root-servers.net)', '192.36.148.17', '2001:7fe::53'],
  ['root server (j.root-servers.net)', '192.58.128.30', '2001:503:c27::2:30'],
  ['root server (k.root-servers.net)', '193.0.14.129', '2001:7fd::1'],
  ['root server (l.root-servers.net)', '199.7.83.42', '2001:500:9f::42'],
  ['root server (m.root-servers.net)', '202.12.27.33', '2001:dc3::35'],
]

const PUBLIC_RESOLVERS: readonly Entry[] = [
  // developers.cloudflare.com/1.1.1.1/ip-addresses, its DNS64 (::64, ::6400) and the addresses of one.one.one.one's DoH fallback
  ['public resolver (Cloudflare)', '1.1.1.0/24', '1.0.0.0/24', '162.159.36.1', '162.159.46.1', '2606:4700:4700::/48'],
  // developers.google.com/speed/public-dns, and its DNS64 (::6464, ::64)
  ['public resolver (Google)', '8.8.8.0/24', '8.8.4.0/24', '2001:4860:4860::/48'],
  // quad9.net/service/service-addresses-and-features
  ['public resolver (Quad9)', '9.9.9.0/24', '149.112.112.0/24', '2620:fe::/48'],
  // opendns.com/setupguide: standard, FamilyShield (.123), sandbox (.2)
  [
    'public resolver (OpenDNS)',
    '208.67.222.0/24',
    '208.67.220.0/24',
    '2620:119:35::/48',
    '2620:119:53::/48',
    '2620:0:ccc::2',
    '2620:0:ccd::2',
  ],
  // adguard-dns.io/en/public-dns.html
  ['public resolver (AdGuard)', '94.140.14.0/24', '94.140.15.0/24', '2a10:50c0::/64'],
  // dns.yandex.com: basic, safe, family
  ['public resolver (Yandex)', '77.88.8.0/24', '2a02:6b8::feed:0/112', '2a02:6b8:0:1::feed:0/112'],
  // Lumen, known as Level 3
  ['public resolver (Lumen)', '4.2.2.0/24', '209.244.0.3', '209.244.0.4'],
  // vercara.digicert.com/ultradns-public, and the addresses that Verisign handed over
  [
    'public resolver (UltraDNS)',
    '64.6.64.6',
    '64.6.65.6',
    '156.154.70.0/24',
    '156.154.71.0/24',
    '2620:74:1b::1:1',
    '2620:74:1c::2:2',
    '2610:a1:1018::/48',
    '2610:a1:1019::/48',
  ],
  // controld.com/free-dns
  ['public resolver (Control D)', '76.76.2.0/24', '76.76.10.0/24', '2606:1a40::/48', '2606:1a40:1::/48'],
  // cleanbrowsing.org/filters
  ['public resolver (CleanBrowsing)', '185.228.168.0/24', '185.228.169.0/24', '2a0d:2a00:1::/48', '2a0d:2a00:2::/48'],
  // help.nextdns.io: the configuration's number is in the low octets
  ['public resolver (NextDNS)', '45.90.28.0/24', '45.90.30.0/24', '2a07:a8c0::/48', '2a07:a8c1::/48'],
  // mullvad.net/help/dns-over-https-and-dns-over-tls
  ['public resolver (Mullvad)', '194.242.2.0/24', '2a07:e340::/64'],
  // joindns4.eu
  ['public resolver (DNS4EU)', '86.54.11.0/24', '2a13:1001::86:54:11:0/112'],
  // dns.sb
  ['public resolver (DNS.SB)', '185.222.222.222', '45.11.45.11', '2a09::', '2a11::'],
  // dns.he.net
  ['public resolver (Hurricane Electric)', '74.82.42.42', '2001:470:20::2'],
  // comodo.com/secure-dns
  ['public resolver (Comodo)', '8.26.56.26', '8.20.247.20'],
  // alidns.com; dnspod.cn; 114dns.com; dudns.baidu.com
  ['public resolver (AliDNS)', '223.5.5.5', '223.6.6.6', '2400:3200::1', '2400:3200:baba::1'],
  ['public resolver (DNSPod)', '119.29.29.29', '119.28.28.28', '2402:4e00::'],
  ['public resolver (114DNS)', '114.114.114.114', '114.114.115.115'],
  ['public resolver (Baidu)', '180.76.76.76', '2400:da00::6666'],
  // 101.101.101.101 (TWNIC)
  ['public resolver (Quad101)', '101.101.101.101', '101.102.103.104', '2001:de4::101', '2001:de4::102'],
  // cira.ca/canadian-shield: private, protected, family
  [
    'public resolver (CIRA)',
    '149.112.121.10',
    '149.112.121.20',
    '149.112.121.30',
    '149.112.122.10',
    '149.112.122.20',
    '149.112.122.30',
  ],
]

/** What virtual machines of the clouds ask for credentials, by the providers' documentation. */
const CLOUD_METADATA: readonly Entry[] = [
  ['cloud metadata', '169.254.169.254', 'fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16'],
]

/** Address or prefix, and why. */
export const WELL_KNOWN_PREFIXES: readonly (readonly [prefix: string, reason: string])[] = [
  ...ROOT_SERVERS,
  ...PUBLIC_RESOLVERS,
  ...CLOUD_METADATA,
].flatMap(([reason, ...prefixes]) => prefixes.map((prefix) => [prefix, reason] as const))
