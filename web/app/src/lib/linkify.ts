/** Finds the web addresses in plain text. Only http and https ever become links. */

export type Segment = { text: string; href?: string };

const ADDRESS = /https?:\/\/[^\s<>"'`{}|\\^]+/gi;
const TRAILING = /[.,;:!?*_~]+$/;

export function linkify(text: string): Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimAddress(match[0]);
    if (!isWebAddress(address)) continue;
    if (match.index > end) segments.push({ text: text.slice(end, match.index) });
    segments.push({ text: address, href: address });
    end = match.index + address.length;
  }
  if (end < text.length || segments.length === 0) segments.push({ text: text.slice(end) });
  return segments;
}

/** Punctuation after an address belongs to the sentence; so does a bracket that it did not open. */
function trimAddress(address: string): string {
  for (;;) {
    const trimmed = address.replace(TRAILING, '');
    const closes = trimmed.endsWith(')') && count(trimmed, ')') > count(trimmed, '(');
    const squares = trimmed.endsWith(']') && count(trimmed, ']') > count(trimmed, '[');
    if (!closes && !squares) return trimmed;
    address = trimmed.slice(0, -1);
  }
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function isWebAddress(address: string): boolean {
  try {
    const { protocol, hostname } = new URL(address);
    return (protocol === 'https:' || protocol === 'http:') && hostname !== '';
  } catch {
    return false;
  }
}
