import { VaultError } from '../../errors.ts'
import type { Secret } from '../secret.ts'

/** Which part of a secret a processor sends. */
export interface FieldParameter {
  /** The field of a secret of several fields. Default: the whole secret. */
  readonly field?: string
}

/** The text of a secret, or of one field of it, for use in a header or URL. */
export function textOf(secret: Secret, field: string | undefined): string {
  return singleLine(field === undefined ? secret.reveal() : secret.revealField(field))
}

/** Refuses text that would end a header, or that a header cannot hold. */
function singleLine(text: string): string {
  // SEC-07
  if (!/^[\x20-\x7e]+$/.test(text) || text.trim() !== text) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'the secret has characters that a header cannot contain, or white space at an end; store it without a line break',
    )
  }
  return text
}

/** A parameter that is left out of a description when it was not given. */
export function optional<Name extends string>(
  name: Name,
  value: string | undefined,
): { readonly [key in Name]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in Name]?: string }
}
