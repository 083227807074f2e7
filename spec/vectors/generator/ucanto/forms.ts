/**
 * Archives and tokens in other forms than the one that there is.
 *
 * @module
 */

import { type API, UCAN } from '@ucanto/core'
import type { Vector } from '../vector.ts'
import { allowed, refused } from './case.ts'
import {
  alice,
  archive,
  ask,
  type Block,
  block,
  bob,
  callBy,
  carOf,
  cbor,
  changed,
  type Fields,
  fieldsOf,
  give,
  identityOf,
  mail,
  mailWith,
  nameOf,
  principalText,
  textOf,
} from './tokens.ts'

const root = await give(mail)
const fields = fieldsOf(root)
const [entry] = fields.att as readonly [Fields]
const jwt = new TextEncoder().encode(UCAN.format(UCAN.decode(root.bytes as never)))
const withBytes = fieldsOf(await give(mailWith({ note: Uint8Array.of(0, 0, 0) })))
const call = await callBy(alice, {})
const content = cbor(['a', 'list', 'of', 'pieces'])
const long = await padded()
const car = carOf(cbor({ 'ucan@0.9.1': call.cid }), [call])

/** The call of bob over one delegation in that form. */
const over = (form: Block): { readonly container: Promise<string> } => ({ container: ask(bob, { proofs: [form] }) })

/** The archive of a call that begins with another block. */
const beginning = (head: Block): { readonly container: string } => ({ container: textOf(carOf(head, [call])) })

/** A block with these bytes, in hexadecimal digits. */
const hex = (digits: string): Block => block(Uint8Array.from(Buffer.from(digits, 'hex')))

/** All of them. */
export async function formVectors(): Promise<readonly Vector[]> {
  const byAlice = { invoker: alice.did() }
  return [
    await allowed('an archive as bytes', 'UCT-06', { container: bytesOf(car), ...byAlice }),
    await allowed('an archive in multibase `m`', 'UCT-06', { container: textOf(car), ...byAlice }),
    await allowed('an archive in multibase `u`', 'UCT-06', { container: `u${base64url(car)}`, ...byAlice }),
    await allowed('an archive in base64', 'UCT-06', { container: Buffer.from(car).toString('base64'), ...byAlice }),
    await allowed('an archive in base64url', 'UCT-06', { container: base64url(car), ...byAlice }),
    await allowed('a message that asks for one call', 'UCT-08', {
      container: textOf(carOf(messageOf({ execute: [call.cid] }), [call])),
      ...byAlice,
    }),
    await allowed('a block that an argument links to', 'UCT-05', {
      container: ask(alice, { capability: mailWith({ list: content.cid }), earlier: [content] }),
      ...byAlice,
    }),
    ...(await refused('archive-text', 'UCT-06', 'malformed', {
      'padding in multibase `m`': { container: `m${Buffer.from(long).toString('base64')}` },
    })),
    ...(await refused('archive-text', 'ENC-01', 'malformed', {
      'padding in multibase `u`': { container: `u${base64url(long)}==` },
      'the alphabet of multibase `u` under `m`': { container: `m${base64url(car)}` },
      'a space at the end': { container: `${textOf(car)} ` },
    })),
    ...(await refused('root-block', 'UCT-07', 'unsupported', {
      null: beginning(hex('f6')),
      true: beginning(hex('f5')),
      'a number': beginning(hex('00')),
      'an empty text': beginning(hex('60')),
      'empty bytes': beginning(hex('40')),
      'an empty list': beginning(hex('80')),
      'an empty map': beginning(hex('a0')),
      'a link': beginning(cbor(call.cid)),
      'no token but null': { container: textOf(carOf(hex('f6'), [])) },
      'another version': beginning(cbor({ 'ucan@0.9.0': call.cid })),
      'two names': beginning(cbor({ 'ucan@0.9.1': call.cid, also: call.cid })),
      'a text for the link': beginning(cbor({ 'ucan@0.9.1': String(call.cid) })),
    })),
    ...(await refused('root-block', 'UCT-07', 'malformed', {
      'a token that is not there': { container: textOf(carOf(cbor({ 'ucan@0.9.1': call.cid }), [])) },
    })),
    ...(await refused('message', 'UCT-08', 'unsupported', {
      'that reports as well': beginning(messageOf({ execute: [call.cid], report: {} })),
      'that does not ask': beginning(cbor({ 'ucanto/message@7.0.0': {} })),
    })),
    ...(await refused('message', 'UCT-09', 'invocation_ambiguous', {
      'that asks twice': beginning(messageOf({ execute: [call.cid, call.cid] })),
    })),
    ...(await refused('message', 'UCT-09', 'invocation_missing', {
      'that asks for nothing': { container: textOf(carOf(messageOf({ execute: [] }), [])) },
    })),
    ...(await refused('block', 'UCT-05', 'malformed', {
      'a token that nobody names': { container: ask(bob, { proofs: [root], earlier: [await stray()] }) },
      twice: { container: archive([root, root, await callBy(bob, { proofs: [root] })]) },
      'that no argument links to': {
        container: ask(alice, { capability: mailWith({ list: root.cid }), earlier: [content] }),
      },
    })),
    ...(await refused('name', 'UCT-03', 'unsupported', {
      'of the JWT': over({ cid: nameOf(jwt, 0x55), bytes: jwt }),
    })),
    ...(await refused('name', 'UCT-04', 'malformed', {
      'of other bytes': over({ cid: nameOf(jwt), bytes: root.bytes }),
    })),
    ...(await refused('name', 'UCT-20', 'unsupported', { 'with the content': over(identityOf(root.bytes)) })),
    ...(await refused('name', 'UCT-61', 'malformed', {
      'that the token cites': over({ cid: nameOf(jwt), bytes: changed(root, { prf: [nameOf(jwt)] }).bytes }),
    })),
    ...(await refused('token', 'UCT-10', 'malformed', { 'with another field': over(changed(root, { more: 1 })) })),
    ...(await refused('token', 'UCT-11', 'unsupported', { 'of another version': over(changed(root, { v: '0.9.2' })) })),
    ...(await refused('token', 'UCT-13', 'malformed', {
      'with a map that is signed as bytes are': over(
        cbor({ ...withBytes, att: [{ ...entry, nb: { note: { '/': { bytes: 'AAAA' } } } }] }),
      ),
    })),
    ...(await refused('token', 'UCT-14', 'unsupported', { 'that is the JWT': over(block(jwt)) })),
    ...(await refused('token', 'UCT-16', 'malformed', {
      'with a key in text': over(changed(root, { iss: principalText(alice.did()) })),
    })),
    ...(await refused('token', 'UCT-18', 'malformed', {
      'with bytes behind the signature': over(
        changed(root, { s: Buffer.concat([fields.s as Uint8Array, Uint8Array.of(0)]) }),
      ),
    })),
    ...(await refused('token', 'UCT-21', 'malformed', {
      'with capitals in `can`': over(changed(root, { att: [{ ...entry, can: 'MAIL/send' }] })),
    })),
    ...(await refused('token', 'UCT-26', 'malformed', { 'with `nbf: 0`': over(changed(root, { nbf: 0 })) })),
    ...(await refused('token', 'UCT-27', 'malformed', { 'with `nnc: ""`': over(changed(root, { nnc: '' })) })),
    ...(await refused('token', 'UCT-28', 'malformed', { 'with `fct: []`': over(changed(root, { fct: [] })) })),
  ]
}

function messageOf(message: object): Block {
  return cbor({ 'ucanto/message@7.0.0': message })
}

function stray(): Promise<Block> {
  return give({ can: '*', with: 'ucan:*' } as API.Capability, { issuer: bob, audience: alice })
}

/** The archive of a call whose base64 ends with padding. */
async function padded(): Promise<Uint8Array> {
  for (let nonce = 'nonce of the call'; ; nonce += '.') {
    const token = await callBy(alice, { nonce })
    const made = carOf(cbor({ 'ucan@0.9.1': token.cid }), [token])
    if (made.length % 3 === 1) return made
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function bytesOf(bytes: Uint8Array): { readonly bytes: string } {
  return { bytes: base64url(bytes) }
}
