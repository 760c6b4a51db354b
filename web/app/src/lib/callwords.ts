/** A call that is over, in words. */
import type { CallSummary } from '@chatcluster/sdk';

import { lasting } from './dates';

/** Whether it rang and nobody took it. */
export function wasMissed({ state }: CallSummary): boolean {
  return state === 'missed' || state === 'cancelled' || state === 'unavailable';
}

/** `own`: the reader is who called. */
export function callWords(call: CallSummary, own: boolean): string {
  const what = call.media === 'video' ? 'video call' : 'voice call';
  if (wasMissed(call)) {
    if (!own) return `Missed ${what}`;
    return call.state === 'cancelled' ? `Cancelled ${what}` : `${capital(what)}, no answer`;
  }
  if (call.state === 'refused') return `${capital(what)}, declined`;
  return call.durationMs ? `${capital(what)} · ${lasting(call.durationMs)}` : capital(what);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
