import { ArgumentError, VaultError } from '../../../errors.ts'
import { callback, nonEmptyString, readOptions, withDefault } from '../../../support/options.ts'
import { secretFromCaller } from '../../release/failure.ts'
import { Secret, type SecretValue, secretValue, toSecret } from '../../secret.ts'
import { asObject } from '../http-backend.ts'
import { type BareCall, type OpenBaoLogin, readAuth } from './session.ts'

/** Parameters of {@link appRole}. */
export interface AppRoleParameters {
  readonly roleId: string
  readonly secretId: SecretValue
  /** The mount path of the method. Default `approle`. */
  readonly mount?: string
}

/**
 * Logs in with an AppRole (`POST /auth/approle/login`).
 *
 * @throws ArgumentError when a parameter is invalid.
 */
export function appRole(parameters: AppRoleParameters): OpenBaoLogin {
  const of = 'appRole'
  const { roleId, mount, ...given } = readOptions(of, parameters, {
    roleId: nonEmptyString,
    secretId: secretValue,
    mount: withDefault(nonEmptyString, 'approle'),
  })
  const secretId = toSecret(given.secretId, of)
  const path = `auth/${mountOf(mount, of)}/login`
  return {
    logIn: async (call) => {
      const body = { role_id: roleId, secret_id: secretId.reveal() }
      return readAuth(await call({ method: 'POST', path, body }, undefined))
    },
  }
}

/** Parameters of {@link wrappedAppRole}. */
export interface WrappedAppRoleParameters {
  readonly roleId: string
  /** The name of the role, by which the creator of the wrapping token is checked. */
  readonly roleName: string
  /** The token that wraps the secret id. It works once. */
  readonly wrappingToken: SecretValue
  /** The mount path of the method. Default `approle`. */
  readonly mount?: string
}

/**
 * Logs in with an AppRole whose secret id is wrapped, so that its carrier never sees it. The wrapping token is looked
 * up before it is unwrapped. A token that the role did not create, or that was opened before, is refused.
 *
 * @throws ArgumentError when a parameter is invalid.
 */
export function wrappedAppRole(parameters: WrappedAppRoleParameters): OpenBaoLogin {
  const of = 'wrappedAppRole'
  const { roleId, roleName, wrappingToken, mount } = readOptions(of, parameters, {
    roleId: nonEmptyString,
    roleName: nonEmptyString,
    wrappingToken: secretValue,
    mount: withDefault(nonEmptyString, 'approle'),
  })
  const wrapping = toSecret(wrappingToken, of)
  const expected = `auth/${mountOf(mount, of)}/role/${roleName}/secret-id`
  let unwrapped: OpenBaoLogin | undefined
  return {
    logIn: async (call) => {
      unwrapped ??= appRole({ roleId, secretId: await unwrap(call, wrapping, expected), mount })
      return unwrapped.logIn(call)
    },
  }
}

/** Parameters of {@link jwtLogin}. */
export interface JwtLoginParameters {
  readonly role: string
  /** Returns the current token of the workload, for example of its service account. It is called at each login. */
  readonly jwt: () => SecretValue | Promise<SecretValue>
  /** The mount path of the method. Default `jwt`; `kubernetes` accepts the same request. */
  readonly mount?: string
}

/**
 * Logs in with a JSON Web Token of the platform (`POST /auth/jwt/login`).
 *
 * @throws ArgumentError when a parameter is invalid.
 */
export function jwtLogin(parameters: JwtLoginParameters): OpenBaoLogin {
  const { role, jwt, mount } = readOptions('jwtLogin', parameters, {
    role: nonEmptyString,
    jwt: callback,
    mount: withDefault(nonEmptyString, 'jwt'),
  })
  const path = `auth/${mountOf(mount, 'jwtLogin')}/login`
  return {
    logIn: async (call) => {
      const token = await secretFromCaller('the callback `jwt`', jwt, undefined)
      const body = { role, jwt: token.reveal() }
      token.dispose()
      return readAuth(await call({ method: 'POST', path, body }, undefined))
    },
  }
}

/**
 * Uses a token that another program renews. It cannot be replaced when it expires, so prefer a login.
 *
 * @throws ArgumentError when the token is invalid.
 */
export function fixedToken(token: SecretValue): OpenBaoLogin {
  readOptions('fixedToken', { token }, { token: secretValue })
  const kept = toSecret(token, 'fixedToken')
  return { logIn: async () => ({ token: kept.copy(), seconds: 0 }) }
}

/**
 * Reads the name of a mount.
 *
 * @param of - the function that takes it, for messages.
 * @throws ArgumentError when it is invalid.
 */
export function mountOf(name: string, of: string): string {
  if (!/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/.test(name)) {
    throw new ArgumentError(`${of}: \`mount\` must be names of A-Z a-z 0-9 _ -, separated by slashes`)
  }
  return name
}

async function unwrap(call: BareCall, wrapping: Secret, expected: string): Promise<Secret> {
  const looked = await call(
    { method: 'POST', path: 'sys/wrapping/lookup', body: { token: wrapping.reveal() } },
    undefined,
  )
  const origin = asObject(looked.fields.get('data'))?.get('creation_path')
  // VLT-36
  if (looked.status !== 200 || origin !== expected) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'the wrapping token was used before, has expired, or was not made by the role; somebody else may have the secret id, so issue a new one',
    )
  }
  const answer = await call({ method: 'POST', path: 'sys/wrapping/unwrap' }, wrapping)
  const secretId = asObject(answer.fields.get('data'))?.get('secret_id')
  if (answer.status !== 200 || typeof secretId !== 'string' || secretId === '') {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the wrapping token contained no secret id')
  }
  return new Secret(secretId)
}
