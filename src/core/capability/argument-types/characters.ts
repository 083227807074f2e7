/**
 * Matches text without invisible characters. Invisible are controls, line and paragraph separators, lone surrogates,
 * characters that change the direction of writing, and the default-ignorable characters of Unicode. The two joiners and
 * the variation selectors are allowed, because scripts and emoji need them.
 */
const visible: RegExp =
  /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]*$/u

/** Whether text has only visible characters and no line break. */
export function isVisible(text: string): boolean {
  // The grapheme joiner is tested here, because in the character class it would combine with the item before it.
  return visible.test(text) && !text.includes('\u034f')
}

/** Whether text has no lone surrogate, so that it can be encoded in UTF-8. */
export function isWellFormed(text: string): boolean {
  return /^[^\p{Cs}]*$/u.test(text)
}

/**
 * Whether no character has more than 30 combining marks, as in the stream-safe text format (UAX 15, section 13). No
 * language needs more, and platforms sort marks in time quadratic in their number.
 */
export function isStreamSafe(text: string): boolean {
  return !/\p{M}{31}/u.test(text)
}

/** Whether text is stream-safe and in normalization form C, the composed spelling of its characters. */
export function isComposed(text: string): boolean {
  return isStreamSafe(text) && text.normalize('NFC') === text
}
