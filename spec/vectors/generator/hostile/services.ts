/**
 * Good chains, but not for this service, or not any more.
 *
 * @module
 */

import { textOf } from '../container.ts'
import { mailer, otherService, owner, planner, principal, service, stranger } from '../principals.ts'
import { delegation, type InvocationDraft, invocation, nonceOf, type Token } from '../token.ts'
import { signedTwice, twin } from '../twin.ts'
import { type CommandEntry, type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function serviceVectors(): readonly Vector[] {
  return [...addressees(), ...commands(), ...repeated()]
}

function addressees(): readonly Vector[] {
  return [
    ...refused('audience', 'SVC-01', 'audience_mismatch', {
      'another service': { tokens: call({ aud: otherService }), at: 1 },
      'nobody, and the subject is not the service': { tokens: call({ fields: { aud: undefined } }), at: 1 },
      'another service, and the subject is this one': {
        tokens: [invocation({ by: service, sub: service, aud: otherService })],
        at: 0,
        context: { subjects: [service.did] },
      },
      'the invoker': { tokens: call({ aud: planner }), at: 1 },
      'the subject': {
        tokens: [invocation({ by: owner, fields: { aud: undefined } })],
        at: 0,
      },
      'this service by another method': { tokens: call({ aud: { did: 'did:web:example.com' } }), at: 1 },
      'another service, self-issued': { tokens: [invocation({ by: owner, aud: otherService })], at: 0 },
    }),
    ...refused('subject-not-served', 'SVC-02', 'subject_not_accepted', {
      'somebody who signed for himself': { tokens: [invocation({ by: stranger, sub: stranger })], at: 0 },
      'somebody who has a chain of his own': {
        tokens: strangersChain(),
        at: 1,
      },
      'the invoker': { tokens: [invocation({ by: planner, sub: planner })], at: 0 },
      'the service itself': { tokens: [invocation({ by: service, sub: service, fields: { aud: undefined } })], at: 0 },
      'nobody is served': { tokens: call({}), at: 1, context: { subjects: [] } },
    }),
  ]
}

function commands(): readonly Vector[] {
  const has = (commands: readonly CommandEntry[], draft: Partial<InvocationDraft>, wide = false): Hostile => ({
    tokens: wide ? call(draft, '/') : call(draft),
    at: 1,
    context: { commands },
  })
  const send: CommandEntry = { command: '/mail/send', args: { to: 'text', copies: 'integer?', tags: 'list?' } }
  return [
    ...refused('command-unknown', 'SVC-03', 'command_unknown', {
      'a shorter one': has([send], { cmd: '/mail' }),
      'a longer one': has([send], { cmd: '/mail/send/now' }),
      'another one': has([send], { cmd: '/mail/list' }),
      everything: has([send], { cmd: '/' }, true),
      'a name that every object has': has([send], { cmd: '/constructor' }, true),
      'a name that every object has, within': has([send], { cmd: '/constructor/keys' }, true),
      'the name of the prototype': has([send], { cmd: '/__proto__' }, true),
      'a revocation': has([send], { cmd: '/ucan/revoke' }, true),
      'the service has none': has([], { cmd: '/mail/send' }),
    }),
    ...refused('argument-undeclared', 'ARG-01', 'arguments_invalid', {
      'one more': has([send], { args: { to: 'bob@example.com', bcc: 'eve@evil.example' } }),
      'a name that every object has': has([send], { args: { to: 'bob@example.com', toString: 'x' } }),
      'a name in upper case': has([send], { args: { to: 'bob@example.com', TO: 'eve@evil.example' } }),
      'the empty name': has([send], { args: { to: 'bob@example.com', '': 1 } }),
      'to a command that takes none': has([{ command: '/mail/send', args: {} }], {}),
    }),
    ...refused('argument-missing', 'ARG-02', 'arguments_invalid', {
      'the only one': has([send], { args: {} }),
      'one of two': has([{ command: '/mail/send', args: { to: 'text', subject: 'text' } }], {}),
      'one that objects inherit': has([{ command: '/mail/send', args: { ['valueOf' as string]: 'text' } }], {
        args: {},
      }),
    }),
    ...refused('argument-invalid', 'ARG-03', 'arguments_invalid', {
      'a list for a text': has([send], { args: { to: ['bob@example.com', 'eve@evil.example'] } }),
      'null for a text': has([send], { args: { to: null } }),
      'bytes for a text': has([send], { args: { to: Uint8Array.of(0x61) } }),
      'a text for an integer': has([send], { args: { to: 'bob@example.com', copies: '2' } }),
      'a fraction for an integer': has([send], { args: { to: 'bob@example.com', copies: 1.5 } }),
      'true for an integer': has([send], { args: { to: 'bob@example.com', copies: true } }),
      'null for one that may be absent': has([send], { args: { to: 'bob@example.com', copies: null } }),
      'a map for a list': has([send], { args: { to: 'bob@example.com', tags: {} } }),
    }),
  ]
}

/** Calls that could be made, or were made, twice. */
function repeated(): readonly Vector[] {
  const owner256 = principal('owner on P-256', 'ES256')
  const call256 = invocation({ by: owner256, sub: owner256 })
  const ownerK1 = principal('owner on secp256k1', 'ES256K')
  const callK1 = invocation({ by: ownerK1, sub: ownerK1 })
  const free: CommandEntry = { command: '/mail/send', args: { to: 'text' }, idempotent: true }
  const self = invocation({ by: owner })
  return [
    ...refused('nonce-too-short', 'RPL-02', 'nonce_too_short', {
      'no byte': { tokens: call({ nonce: new Uint8Array() }), at: 1 },
      '11 bytes': { tokens: call({ nonce: nonceOf('short').slice(0, 11) }), at: 1 },
      'one byte less than the service asks for': {
        tokens: call({ nonce: nonceOf('short') }),
        at: 1,
        context: { options: { minimumNonceBytes: 13 } },
      },
      'no byte, for a command that is not idempotent': {
        tokens: call({ nonce: new Uint8Array() }),
        at: 1,
        context: { commands: [{ ...free, idempotent: false }] },
      },
    }),
    ...refused('replayed', 'RPL-01', 'replayed', {
      'the same container': { tokens: call({}), at: 1, context: { seen: [textOf(call({}))] } },
      'among other tokens': {
        tokens: [...call({}), delegation({ from: planner, to: mailer })],
        at: 1,
        context: { seen: [textOf(call({}))] },
      },
      'with its tokens in another order': {
        tokens: call({}).toReversed(),
        at: 1,
        context: { seen: [textOf(call({}))] },
      },
      'self-issued': { tokens: [self], at: 0, context: { seen: [textOf([self])] } },
      'under the other signature': {
        tokens: [twin(call256, 'ES256')],
        at: 0,
        context: { subjects: [owner256.did], seen: [textOf([call256])] },
      },
      'under the other signature, of secp256k1': {
        tokens: [twin(callK1, 'ES256K')],
        at: 0,
        context: { subjects: [ownerK1.did], seen: [textOf([callK1])] },
      },
      'under a second signature by the same key': {
        tokens: [signedTwice(self, owner)],
        at: 0,
        context: { seen: [textOf([self])] },
      },
      'idempotent, without a nonce': {
        tokens: call({ nonce: new Uint8Array() }),
        at: 1,
        context: { commands: [free], seen: [textOf(call({ nonce: new Uint8Array() }))] },
      },
      'after another call': {
        tokens: call({}),
        at: 1,
        context: { seen: [textOf(call({})), textOf(call({ nonce: nonceOf('other') }))] },
      },
    }),
    ...refused('replay-store-down', 'RPL-05', 'replay_unknown', {
      'a good call': { tokens: call({}), at: 1, context: { unavailable: ['replay'] } },
    }),
  ]
}

/** A call through one delegation. */
function call(draft: Partial<InvocationDraft>, cmd = '/mail'): readonly Token[] {
  const grant = delegation({ from: owner, to: planner, cmd })
  return [invocation({ by: planner, prf: [grant], ...draft }), grant]
}

function strangersChain(): readonly Token[] {
  const grant = delegation({ from: stranger, to: planner, sub: stranger })
  return [invocation({ by: planner, sub: stranger, prf: [grant] }), grant]
}
