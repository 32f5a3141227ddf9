/** Whether a text is an IPv4 address or an IPv6 one (without brackets), as inet_pton(3) takes them. */
export function isIpAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

/** RFC 4291, 2.2: eight groups, of which `::` stands for one or more that are zero; the last two may be an IPv4 address. */
function isIpv6(text: string): boolean {
  const sides = text.split('::');
  if (sides.length > 2 || text === '') return false;
  const groups = sides.flatMap((side) => (side === '' ? [] : side.split(':')));
  const last = groups.at(-1) ?? '';
  const mixed = last.includes('.');
  const count = groups.length + (mixed ? 1 : 0);
  const plain = mixed ? groups.slice(0, -1) : groups;
  // An address in the old notation stands at the very end.
  if (mixed && (!isIpv4(last) || !text.endsWith(last))) return false;
  if (!plain.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return sides.length === 2 ? count < 8 : count === 8;
}

/** Whether an address is this machine's own to itself: 127.0.0.0/8, ::1, or one of the former in the new notation. */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, '');
  return plain === '::1' || (isIpv4(plain) && plain.startsWith('127.'));
}
