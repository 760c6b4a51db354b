import { describe, expect, it } from 'vitest';

import { aMessage, messages } from './testing/fake-gateway.js';
import { Timeline } from './timeline.js';

const seqs = (list: readonly { seq: number }[]) => list.map(({ seq }) => seq);

describe('Timeline', () => {
  it('tells a redelivered message once', () => {
    const timeline = new Timeline(0);
    expect(seqs(timeline.insert([aMessage(1)]).inOrder)).toEqual([1]);
    const again = timeline.insert([aMessage(1)]);
    expect(again).toEqual({ added: [], inOrder: [] });
    expect(seqs(timeline.messages())).toEqual([1]);
  });

  it('drops a message id that comes back under another seq', () => {
    const timeline = new Timeline(0);
    timeline.insert([aMessage(1)]);
    timeline.insert([aMessage(2, { id: aMessage(1).id })]);
    expect(seqs(timeline.messages())).toEqual([1]);
  });

  it('reports a jump as a gap and tells the rest in order once it is filled', () => {
    const timeline = new Timeline(10);
    expect(timeline.insert([aMessage(13)]).inOrder).toEqual([]);
    expect(timeline.gap()).toEqual({ after: 10, before: 13 });
    expect(timeline.head).toBe(10);
    expect(seqs(timeline.insert([aMessage(12), aMessage(11)]).inOrder)).toEqual([11, 12, 13]);
    expect(timeline.gap()).toBeNull();
    expect(timeline.head).toBe(13);
  });

  it('shows messages by seq whatever order they came in', () => {
    const timeline = new Timeline(0);
    for (const seq of [3, 1, 2]) timeline.insert([aMessage(seq)]);
    expect(seqs(timeline.messages())).toEqual([1, 2, 3]);
  });

  it('grows downwards by a page of history without telling it as new', () => {
    const timeline = new Timeline(20);
    timeline.insert([aMessage(21)]);
    const { added, inOrder } = timeline.insert(messages(11, 20));
    expect(added).toHaveLength(10);
    expect(inOrder).toEqual([]);
    expect(timeline.first).toBe(11);
    expect(timeline.hasOlder).toBe(true);
  });

  it('ignores a late message below its window that does not join it', () => {
    const timeline = new Timeline(20);
    expect(timeline.insert([aMessage(5)]).added).toEqual([]);
    expect(timeline.size).toBe(0);
  });

  it('starts again at a page and keeps what came live beyond it', () => {
    const timeline = new Timeline(0);
    timeline.insert([aMessage(1), aMessage(501)]);
    timeline.reset(messages(451, 500), 500);
    expect(timeline.first).toBe(451);
    expect(timeline.head).toBe(501);
  });

  it('never undoes a deletion, an edit or a receipt by an older copy', () => {
    const timeline = new Timeline(0);
    timeline.insert([aMessage(1, { content: 'second', editVersion: 1, status: 'read' })]);
    timeline.insert([aMessage(1, { content: 'first', editVersion: 0, status: 'sent' })]);
    expect(timeline.messages()[0]).toMatchObject({ content: 'second', status: 'read' });
    timeline.update(aMessage(1).id, (m) => ({ ...m, content: '', deletedAt: 'now' }));
    timeline.insert([aMessage(1, { editVersion: 2 })]);
    expect(timeline.messages()[0]).toMatchObject({ content: '', deletedAt: 'now' });
  });

  it('raises the status of one sender up to a seq only', () => {
    const timeline = new Timeline(0);
    timeline.insert([
      aMessage(1, { senderId: 'me' }),
      aMessage(2),
      aMessage(3, { senderId: 'me' }),
    ]);
    expect(timeline.raiseStatus('me', 2, 'read')).toBe(true);
    expect(timeline.raiseStatus('me', 2, 'delivered')).toBe(false);
    expect(timeline.messages().map(({ status }) => status)).toEqual(['read', 'sent', 'sent']);
  });

  it('trims to the newest and knows that older ones exist', () => {
    const timeline = new Timeline(0);
    timeline.insert(messages(1, 30));
    timeline.trim(10);
    expect(seqs(timeline.messages())).toEqual(seqs(messages(21, 30)));
    expect(timeline.hasOlder).toBe(true);
  });
});
