/** How users and rooms are shown: name, initials, colour. */
import type { Room, UserRef } from '@chatcluster/sdk';

/** Dark enough for white letters (contrast at least 4.5). */
const COLOURS = [
  '#b3403a',
  '#b0542b',
  '#8a6200',
  '#52741b',
  '#1c7a45',
  '#0d766e',
  '#1f6f9c',
  '#3d5fc2',
  '#6b4fbf',
  '#93449f',
  '#b03a74',
  '#5b6770',
];

export function displayName(user: Pick<UserRef, 'name' | 'username'> | undefined): string {
  return user?.name || user?.username || 'Someone';
}

/** The other side of a dm. */
export function otherMember(room: Room, selfId: string) {
  return room.type === 'dm' ? room.members?.find((m) => m.userId !== selfId) : undefined;
}

export function roomTitle(room: Room, selfId: string): string {
  if (room.type === 'group') return room.title || 'Group';
  const other = otherMember(room, selfId);
  return other ? displayName(other) : room.title || 'Direct message';
}

/** Whether the user wants to hear nothing of the room now. */
export function isMuted({ mutedUntil }: Room, now: number): boolean {
  return Boolean(mutedUntil) && Date.parse(mutedUntil ?? '') > now;
}

/** Whether the user may change the group and its members. */
export function mayManage(room: Room): boolean {
  return room.type === 'group' && (room.myRole === 'owner' || room.myRole === 'admin');
}

export function initials(name: string): string {
  const words = name.split(/[\s._]+/).filter((word) => word !== '');
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...(word ?? '?')][0]?.toUpperCase() ?? '?').join('');
}

/** The same id always has the same colour. */
export function colourOf(id: string): string {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return COLOURS[hash % COLOURS.length] ?? COLOURS[0]!;
}
