import { describe, expect, it } from 'vitest';

import { highlighted } from './highlight';

describe('highlighted', () => {
  it('marks what stands between two pairs of asterisks', () => {
    expect(highlighted('the **blue** and the **red**')).toEqual([
      { text: 'the ', hit: false },
      { text: 'blue', hit: true },
      { text: ' and the ', hit: false },
      { text: 'red', hit: true },
    ]);
  });

  it('leaves an odd pair to the text', () => {
    expect(highlighted('2**8 is 256')).toEqual([{ text: '2**8 is 256', hit: false }]);
    expect(highlighted('**hit** 2**8')).toEqual([
      { text: 'hit', hit: true },
      { text: ' 2**8', hit: false },
    ]);
  });

  it('keeps markup as text', () => {
    expect(highlighted('<b>**x**</b>').map(({ text }) => text)).toEqual(['<b>', 'x', '</b>']);
  });
});
