import { describe, expect, it } from 'vitest';

import { linkify } from './linkify';

const links = (text: string) => linkify(text).flatMap(({ href }) => href ?? []);

describe('linkify', () => {
  it('never loses or changes a character', () => {
    for (const text of ['', 'plain', 'a http://x.org b', '(https://x.org/a_(b)), ok', 'http://']) {
      expect(
        linkify(text)
          .map((segment) => segment.text)
          .join(''),
      ).toBe(text);
    }
  });

  it('leaves the punctuation of the sentence outside', () => {
    expect(links('See https://example.org/a?b=c#d.')).toEqual(['https://example.org/a?b=c#d']);
    expect(links('(https://example.org/x)')).toEqual(['https://example.org/x']);
    expect(links('https://en.example.org/wiki/A_(b)!')).toEqual([
      'https://en.example.org/wiki/A_(b)',
    ]);
  });

  it('links nothing but http and https', () => {
    const hostile = 'javascript:alert(1) data:text/html,x file:///etc/passwd ftp://x.org www.x.org';
    expect(links(hostile)).toEqual([]);
  });

  it('ends at markup', () => {
    expect(links('https://x.org/"onmouseover="alert(1)')).toEqual(['https://x.org/']);
    expect(links('https://x.org/<script>')).toEqual(['https://x.org/']);
  });
});
