/** Which dialog is open: one at a time, from wherever it is asked for. */
import type { Attachment, Message, ReportTarget } from '@chatcluster/sdk';

export type SettingsTab = 'profile' | 'appearance' | 'devices' | 'password' | 'blocked' | 'data';

export type DialogState =
  | { kind: 'new-chat' }
  | { kind: 'new-group' }
  | { kind: 'switcher' }
  | { kind: 'search'; roomId?: string }
  | { kind: 'details'; roomId: string }
  | { kind: 'pins'; roomId: string }
  | { kind: 'forward'; message: Message }
  | { kind: 'delete'; message: Message; forAll: boolean }
  | { kind: 'report'; targetType: ReportTarget; targetId: string; what: string; quote?: string }
  | { kind: 'people' }
  | { kind: 'new-story' }
  /** The stories of this person, and then those of the next. */
  | { kind: 'stories'; userId: string }
  | { kind: 'settings'; tab: SettingsTab }
  | { kind: 'picture'; attachment: Attachment }
  | { kind: 'shortcuts' };

class Dialogs {
  current = $state.raw<DialogState | null>(null);

  open(dialog: DialogState): void {
    this.current = dialog;
  }

  readonly close = (): void => {
    this.current = null;
  };
}

export const dialogs = new Dialogs();
