import { expect, it } from 'vitest';

import { sizeInWords } from './sizes';

it.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1_000, '1.0 KB'],
  [15_400, '15 KB'],
  [999_900, '1.0 MB'],
  [10_485_760, '10 MB'],
  [3_200_000_000, '3.2 GB'],
])('%d is said as %s', (bytes, words) => expect(sizeInWords(bytes)).toBe(words));
