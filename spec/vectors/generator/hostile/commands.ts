/**
 * Commands that are not in normal form. Nothing is decoded, folded or cut to make one of them fit.
 *
 * @module
 */

import { owner, planner } from '../principals.ts'
import { delegation, invocation } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function commandVectors(): readonly Vector[] {
  const called = (cmd: string): Hostile => ({ tokens: [invocation({ by: owner, cmd })] })
  const granted = (cmd: string): Hostile => {
    const grant = delegation({ from: owner, to: planner, cmd })
    return { tokens: [invocation({ by: planner, prf: [grant] }), grant] }
  }
  return [
    ...refused('command-form', 'CMD-01', 'malformed', {
      empty: called(''),
      'no slash before it': called('mail/send'),
      'a slash after it': called('/mail/'),
      'two slashes': called('//'),
      'two slashes before it': called('//mail'),
      'two slashes within': called('/mail//send'),
      'a full-width slash': called('\uff0fmail'),
      'a back-slash': called('\\mail'),
      'a space before it': called(' /mail'),
      'as UCAN 0.9 has it': called('mail/*'),
      'empty, in a delegation': granted(''),
      'a slash after it, in a delegation': granted('/mail/'),
    }),
    ...refused('command-characters', 'CMD-02', 'malformed', {
      'upper case': called('/MAIL/SEND'),
      'one capital': called('/Mail'),
      'a dot segment': called('/mail/./send'),
      'two dots': called('/mail/../admin'),
      'two dots at the end': called('/mail/..'),
      'a full stop': called('/mail.send'),
      'a colon': called('/mail:send'),
      'a slash as percent triplet': called('/mail%2fsend'),
      'dots as percent triplets': called('/mail/%2e%2e/admin'),
      'a back-slash within': called('/mail\\send'),
      NUL: called('/mail\u0000'),
      'a line end': called('/mail\n'),
      'a tabulator': called('/mail\t'),
      'a space within': called('/mail send'),
      'a space after it': called('/mail '),
      'a star': called('/mail/*'),
      'a query': called('/mail?x'),
      'a fragment': called('/mail#x'),
      'an accent, composed': called('/caf\u00e9'),
      'an accent, decomposed': called('/cafe\u0301'),
      'a Cyrillic a': called('/m\u0430il'),
      'a dotless i': called('/ma\u0131l'),
      'a dotted I': called('/ma\u0130l'),
      'a long s': called('/\u017fend'),
      'full-width letters': called('/\uff4dail'),
      'a ligature': called('/pro\ufb01le'),
      'an override of direction': called('/mail/\u202edaer'),
      'a space of no width': called('/mail\u200b'),
      'a byte order mark': called('/mail\ufeff'),
      'a soft hyphen': called('/ma\u00adil'),
      'an emoji': called('/\u{1f4e7}'),
      'an accent, in a delegation': granted('/caf\u00e9'),
      'a star, in a delegation': granted('/*'),
    }),
    ...refused('command-too-long', 'CMD-04', 'too_large', {
      '257 characters': called(`/${'a'.repeat(256)}`),
      '17 segments': called('/a'.repeat(17)),
      '17 segments, in a delegation': granted('/a'.repeat(17)),
    }),
  ]
}
