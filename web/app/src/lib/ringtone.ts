/** Two soft notes again and again, without a file to load; silent where the browser wants a click first. */

const PERIOD_MS = 2_600;
const NOTES = [
  { at: 0, hz: 587 },
  { at: 0.22, hz: 784 },
  { at: 0.7, hz: 587 },
  { at: 0.92, hz: 784 },
];
const LENGTH_S = 0.34;
const LOUDNESS = 0.12;

/** Rings until the returned function is called. */
export function startRinging(): () => void {
  if (!('AudioContext' in globalThis)) return () => {};
  const context = new AudioContext();
  const ring = () => {
    if (context.state !== 'running') return;
    for (const { at, hz } of NOTES) {
      const begin = context.currentTime + at;
      const note = new OscillatorNode(context, { frequency: hz });
      const volume = new GainNode(context, { gain: 0 });
      volume.gain.setValueAtTime(0, begin);
      volume.gain.linearRampToValueAtTime(LOUDNESS, begin + 0.03);
      volume.gain.linearRampToValueAtTime(0, begin + LENGTH_S);
      note.connect(volume).connect(context.destination);
      note.start(begin);
      note.stop(begin + LENGTH_S);
    }
  };
  ring();
  const timer = setInterval(ring, PERIOD_MS);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
