/**
 * @file Which addresses a remote file may be read from: none of this machine, of its network or of a cloud's metadata service. A host's name is
 * resolved once for each connection, its addresses are checked, and the connection goes to exactly those, so that a name cannot change meanwhile.
 * Source: IANA special-purpose address registries (RFC 6890, RFC 8190); RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
 */
import { type LookupAddress, lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { SegError } from "../../errors.js";

/** IPv4 networks that are not public: address, bits of the prefix. */
const PRIVATE_IPV4 = [
  ...([
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
  ] as const),
  ...([
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
  ] as const),
  ...([
    ["192.88.99.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
  ] as const),
  ...([
    ["203.0.113.0", 24],
    ["224.0.0.0", 4],
    ["240.0.0.0", 4],
  ] as const),
] as const;

/** IPv6 networks that are not public, or that lead to IPv4 addresses by a way of their own. */
const PRIVATE_IPV6 = [
  ...([
    ["::", 96],
    ["::ffff:0:0:0", 96],
    ["64:ff9b:1::", 48],
    ["100::", 64],
    ["2001::", 23],
  ] as const),
  ...([
    ["2001:db8::", 32],
    ["2002::", 16],
    ["3fff::", 20],
    ["5f00::", 16],
    ["fc00::", 7],
  ] as const),
  ...([
    ["fe80::", 10],
    ["fec0::", 10],
    ["ff00::", 8],
  ] as const),
] as const;

const REMEDY = "give a public address, or allow it with --allow-private-hosts if you trust it";

/** Gives all addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** Whether an address (in text, IPv4 or IPv6) is none of the public internet. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || BLOCKED.check(address, family === 6 ? "ipv6" : "ipv4");
}

const BLOCKED = blockList();

function blockList(): BlockList {
  const list = new BlockList();
  for (const [network, bits] of PRIVATE_IPV4) {
    list.addSubnet(network, bits, "ipv4"); // an IPv4-mapped IPv6 address is checked as the IPv4 address it holds
    list.addSubnet(`64:ff9b::${network}`, 96 + bits, "ipv6"); // NAT64: networks without IPv4 reach public servers through it
  }
  for (const [network, bits] of PRIVATE_IPV6) list.addSubnet(network, bits, "ipv6");
  return list;
}

/** Resolves names, and tells which addresses must not be read from. */
export interface AddressRules {
  readonly resolve: Resolve;
  readonly isPrivate: (address: string) => boolean;
}

/** The rules in force: nothing is private where private hosts are allowed. */
export const addressRules = (allowPrivate: boolean, given: Partial<AddressRules> = {}): AddressRules => ({
  resolve: given.resolve ?? resolveHost,
  isPrivate: allowPrivate ? () => false : (given.isPrivate ?? isPrivateAddress),
});

/** Throws SegError where an address's host is private by how it is written; other names are checked when they are resolved. */
export function refusePrivateHost({ hostname }: URL, subject: string, { isPrivate }: AddressRules): void {
  const bare = hostname.replace(/^\[|\]$/g, "");
  const address = /(^|\.)localhost\.?$/i.test(bare) ? "127.0.0.1" : bare;
  if (isIP(address) && isPrivate(address)) throw privateHost(subject, bare);
}

/** A `lookup` for sockets that gives checked addresses only; its error is a SegError naming `subject`. */
export function guardedLookup(subject: string, { resolve, isPrivate }: AddressRules): LookupFunction {
  return (host, { all }, done) => {
    resolve(host).then(
      (found) => {
        const inner = found.find(({ address }) => isPrivate(address));
        if (inner) done(privateHost(subject, `${host} (${inner.address})`), "");
        else if (found.length === 0) done(Object.assign(new Error("no address"), { code: "ENOTFOUND" }), "");
        else if (all) done(null, [...found]);
        else done(null, found[0].address, found[0].family);
      },
      (error) => done(error, ""),
    );
  };
}

const resolveHost: Resolve = (host) =>
  new Promise((found, failed) => {
    lookup(host, { all: true }, (error, addresses) => (error ? failed(error) : found(addresses)));
  });

const privateHost = (subject: string, host: string) =>
  new SegError(subject, `its host ${host} is of this machine or a private network`, REMEDY);
