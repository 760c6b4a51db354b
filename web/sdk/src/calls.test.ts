import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { ChatClient } from './client.js';
import { ChatError } from './errors.js';
import { MemoryStore } from './storage.js';
import { FakeRest, FakeTransport, json } from './testing/fake-gateway.js';
import type { Call, CallState } from './types.js';

let rest: FakeRest;
let transport: FakeTransport;
let client: ChatClient;
let ended: string[];

const from = { id: 'other', username: 'other', name: 'Other' };

function aCall(state: CallState, over: Partial<Call> = {}): Call {
  return {
    id: 'c1',
    roomId: 'room',
    media: 'audio',
    state,
    callerId: 'me',
    participants: [],
    createdAt: '2026-01-01T00:00:00.000Z',
    answeredAt: null,
    endedAt: null,
    endReason: null,
    durationMs: null,
    ...over,
  };
}

function ring(callId = 'c1') {
  const expiresAt = new Date(Date.now() + 45_000).toISOString();
  transport.emit('call.ringing', { callId, roomId: 'room', media: 'video', from, expiresAt });
}

beforeEach(async () => {
  vi.useFakeTimers();
  rest = new FakeRest();
  transport = new FakeTransport();
  transport.answers['call.initiate'] = () => ({ status: 'QUEUED', callId: 'c1' });
  for (const event of ['call.answer', 'call.refuse', 'call.close', 'call.signal'])
    transport.answers[event] = () => ({ status: 'OK' });
  client = new ChatClient({
    store: new MemoryStore(),
    transport,
    fetch: rest.fetch as typeof globalThis.fetch,
  });
  ended = [];
  client.on('callEnded', ({ reason }) => ended.push(reason));
  await client.login('me', 'secret12');
  transport.accept();
  await vi.advanceTimersByTimeAsync(100);
});

afterEach(async () => {
  await client.logout();
  vi.useRealTimers();
});

it('a call is dialled, answered, signalled to who answered, and hung up', async () => {
  const heard: unknown[] = [];
  client.on('callSignal', ({ kind }) => heard.push(kind));
  await client.calls.start('room', 'audio');
  expect(client.calls.current).toMatchObject({ id: 'c1', phase: 'dialling', outgoing: true });
  await client.calls.signal('ice', {});
  expect(transport.sent('call.signal')).toEqual([]);

  transport.emit('call.answered', { callId: 'c1', by: 'other', call: aCall('ongoing') });
  expect(client.calls.current).toMatchObject({ phase: 'ongoing', peerId: 'other' });
  await client.calls.signal('offer', { sdp: 'v=0' });
  expect(transport.sent('call.signal')).toEqual([
    { callId: 'c1', kind: 'offer', data: { sdp: 'v=0' }, toUserId: 'other' },
  ]);
  transport.emit('call.signal', { callId: 'c1', fromUserId: 'other', kind: 'answer', data: {} });
  transport.emit('call.signal', { callId: 'c9', fromUserId: 'other', kind: 'ice', data: {} });
  expect(heard).toEqual(['answer']);

  await client.calls.close();
  expect(transport.sent('call.close')).toEqual([{ callId: 'c1' }]);
  expect(client.calls.current).toBeNull();
  transport.emit('call.closed', { callId: 'c1', by: 'me', call: aCall('ended') });
  expect(ended).toEqual(['ended']);
});

it('an answer that overtakes the acknowledgement counts', async () => {
  transport.answers['call.initiate'] = () => {
    transport.emit('call.answered', { callId: 'c1', by: 'other', call: aCall('ongoing') });
    return { status: 'QUEUED', callId: 'c1' };
  };
  await client.calls.start('room', 'audio');
  expect(client.calls.current?.phase).toBe('ongoing');
});

it('a call that is hung up before it has an id is taken back when it gets one', async () => {
  const dialling = client.calls.start('room', 'audio');
  await client.calls.close();
  await dialling;
  expect(transport.sent('call.close')).toEqual([{ callId: 'c1' }]);
  expect(client.calls.current).toBeNull();
});

it.each([
  ['call.refused', { by: 'other', call: aCall('refused') }, 'refused'],
  ['call.state', { state: 'missed', call: aCall('missed') }, 'missed'],
  ['call.unavailable', { reason: 'offline' }, 'unavailable'],
  ['call.unavailable', { reason: 'busy' }, 'busy'],
])('%s ends what is dialled', async (event, payload, reason) => {
  await client.calls.start('room', 'audio');
  transport.emit(event, { callId: 'c1', roomId: 'room', ...payload });
  expect(client.calls.current).toBeNull();
  expect(ended).toEqual([reason]);
});

it('a refused dial leaves no call behind', async () => {
  transport.answers['call.initiate'] = () => {
    throw new Error('busy');
  };
  await expect(client.calls.start('room', 'audio')).rejects.toThrow('busy');
  expect(client.calls.current).toBeNull();
});

it('a ring is answered once, here', async () => {
  ring();
  ring();
  expect(client.calls.incoming).toMatchObject([{ id: 'c1', media: 'video', from }]);
  await client.calls.answer('c1');
  expect(client.calls.incoming).toEqual([]);
  expect(client.calls.current).toMatchObject({ peerId: 'other', outgoing: false });
  transport.emit('call.answered', { callId: 'c1', by: 'me', call: aCall('ongoing') });
  expect(client.calls.current?.phase).toBe('ongoing');
});

it.each([
  [
    'answered on another device',
    'call.state',
    { state: 'answered_elsewhere', call: aCall('ongoing') },
  ],
  ['refused on another device', 'call.refused', { by: 'me', call: aCall('refused') }],
  ['taken back', 'call.closed', { by: 'other', call: aCall('cancelled') }],
  ['not answered', 'call.state', { state: 'missed', call: aCall('missed') }],
])('a ring that is %s stops', (_what, event, payload) => {
  ring();
  transport.emit(event, { callId: 'c1', ...payload });
  expect(client.calls.incoming).toEqual([]);
  expect(client.calls.current).toBeNull();
});

it('a ring stops by itself when nobody says anything', async () => {
  ring();
  await vi.advanceTimersByTimeAsync(48_000);
  expect(client.calls.incoming).toEqual([]);
});

it('refusing is told, and the ring stops at once', async () => {
  ring();
  const refusing = client.calls.refuse('c1');
  expect(client.calls.incoming).toEqual([]);
  await refusing;
  expect(transport.sent('call.refuse')).toEqual([{ callId: 'c1' }]);
});

it('what ended while away is noticed after the reconnect', async () => {
  await client.calls.start('room', 'audio');
  rest.overrides.set('/api/v1/calls/c1', () => json(aCall('ended')));
  transport.drop();
  transport.accept();
  await vi.advanceTimersByTimeAsync(100);
  expect(ended).toEqual(['ended']);
});

it('a call that ended meanwhile counts as ended', async () => {
  transport.answers['call.close'] = () => {
    throw new ChatError('call_ended', 'over');
  };
  await client.calls.end('c7');
  expect(transport.sent('call.close')).toEqual([{ callId: 'c7' }]);
  transport.answers['call.close'] = () => {
    throw new ChatError('forbidden', 'not yours');
  };
  await expect(client.calls.end('c7')).rejects.toThrow('not yours');
});

it('signing out hangs up', async () => {
  await client.calls.start('room', 'audio');
  await client.logout();
  expect(transport.sent('call.close')).toEqual([{ callId: 'c1' }]);
});

it('the relays come with credentials', async () => {
  const answer = { iceServers: [{ urls: ['turn:relay'], username: 'u', credential: 'c' }], ttl: 9 };
  rest.overrides.set('/api/v1/calls/turn-credentials', () => json(answer));
  expect(await client.rest.iceServers()).toEqual(answer);
});
