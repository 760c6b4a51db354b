/** The gateway marks what it found with `**` on both sides; everything else is plain text. */

export interface Highlighted {
  text: string;
  hit: boolean;
}

export function highlighted(text: string): Highlighted[] {
  // An odd last mark belongs to the text: a message may hold asterisks of its own.
  const pieces = text.split('**');
  const whole =
    pieces.length % 2 === 1 ? pieces : [...pieces.slice(0, -2), pieces.slice(-2).join('**')];
  return whole
    .map((piece, i) => ({ text: piece, hit: i % 2 === 1 }))
    .filter((part) => part.text !== '');
}
