/** The emoji that the pickers offer, with the words they are found and read out by. */

export interface Emoji {
  emoji: string;
  name: string;
}

/** One tap away. */
export const QUICK = ['👍', '❤️', '😂', '🎉', '😮', '😢'];

const TABLE = `👍 thumbs up,❤️ heart,😂 laughing,🎉 party,😮 surprised,😢 sad,🙏 thanks,🔥 fire,
👏 clapping,✅ done,👀 looking,💯 hundred,🚀 rocket,😍 in love,🤔 thinking,👎 thumbs down,
😀 grinning,😄 happy,😅 relieved,🤣 rolling,😊 smiling,😉 winking,😎 cool,😘 kiss,
🤗 hug,🤩 starry,🥳 celebrating,😏 smirk,😐 neutral,🙄 eye roll,😴 sleeping,🤯 mind blown,
😱 scream,😭 crying,😡 angry,🤢 sick,🤝 handshake,👌 okay,✌️ victory,🤞 fingers crossed,
💪 strong,🫶 heart hands,👋 wave,🙌 hooray,🤷 shrug,🤦 facepalm,🧡 orange heart,💚 green heart,
💙 blue heart,💔 broken heart,⭐ star,✨ sparkles,⚡ lightning,☀️ sun,🌧️ rain,🌈 rainbow,
☕ coffee,🍕 pizza,🍰 cake,🍺 beer,🎂 birthday,🎁 gift,🎵 music,⚽ football,
🏆 trophy,💡 idea,📌 pin,📅 calendar,⏰ alarm,💻 laptop,🐛 bug,🔧 fix,
❓ question,❗ important,❌ no,⚠️ warning,🐱 cat,🐶 dog,🦊 fox,🌻 flower`;

export const EMOJI: readonly Emoji[] = TABLE.split(',').map((entry) => {
  const [emoji = '', ...words] = entry.trim().split(' ');
  return { emoji, name: words.join(' ') };
});

export function findEmoji(query: string): readonly Emoji[] {
  const wanted = query.trim().toLowerCase();
  return wanted ? EMOJI.filter(({ name }) => name.includes(wanted)) : EMOJI;
}

export function nameOf(emoji: string): string {
  return EMOJI.find((known) => known.emoji === emoji)?.name ?? emoji;
}
