/**
 * Letters and digits of one script. Each is an anchored class, so the match is linear; scripts that are written
 * together (Japanese, Korean, Chinese with Bopomofo) form one class.
 */
const scripts: readonly RegExp[] = [
  /^[\p{Script_Extensions=Latin}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Greek}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Cyrillic}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Armenian}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Georgian}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Hebrew}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Arabic}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Devanagari}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Bengali}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Tamil}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Telugu}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Thai}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Ethiopic}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Han}\p{Script_Extensions=Hiragana}\p{Script_Extensions=Katakana}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Han}\p{Script_Extensions=Hangul}\p{Nd}_-]+$/u,
  /^[\p{Script_Extensions=Han}\p{Script_Extensions=Bopomofo}\p{Nd}_-]+$/u,
]

/** Letters, the marks that combine with them, decimal digits, `_` and `-`: no control, space, sign or punctuation. */
const wordCharacters: RegExp = /^[\p{L}\p{M}\p{Nd}_-]+$/u

/**
 * Whether a command segment beyond ASCII can be told apart from others by eye and by bytes: word characters only, in
 * NFKC (so also NFC, and no full-width twin), its own lower case without regard to locale, and of one script.
 */
export function isUnicodeSegment(segment: string): boolean {
  if (!wordCharacters.test(segment)) return false
  if (segment.normalize('NFKC') !== segment || segment.toLowerCase() !== segment) return false
  return scripts.some((script) => script.test(segment))
}
