import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { keysOf } from '../../../src/gateway/upstream/keys-of.ts'
import { redactOutput } from '../../../src/gateway/upstream/redact-output.ts'

const key = 'abcDEF-1234567890'
/** A value that a result may contain, with as many bytes. */
const plain = 'production-environment'
const github = `ghp_${'0aB1'.repeat(8)}`

const base64 = (value: string): string => Buffer.from(value).toString('base64')

describe('the keys of a program', () => {
  it.each([
    ['headers in JSON', 'OPENAPI_MCP_HEADERS', `{"Authorization":"Bearer ${key}","Notion-Version":"${plain}"}`],
    ['headers with their names in fields', 'HEADERS', `[{"name":"Authorization","value":"Bearer ${key}"}]`],
    ['headers of a library', 'HEADERS', JSON.stringify({ list: [{ key: 'X-Api-Key', value: key, note: plain }] })],
    ['headers, one a line', 'HEADERS', `X-Source: ${plain}\nAuthorization: Bearer ${key}\n`],
    ['headers with commas', 'HEADERS', `Authorization: Basic x, X-Api-Key: ${key}, X-Source: ${plain}`],
    ['headers of a scheme of their own', 'HEADERS', `Authorization: GenieKey ${key}`],
    ['headers of OpenTelemetry', 'OTEL_HEADERS', `x-set=${plain},Authorization=Bearer%20${key}`],
    ['headers as Python prints them', 'HEADERS', `{'Authorization': 'Bearer ${key}', 'X-Source': '${plain}'}`],
    ['the field of JSON at a depth', 'CONFIG', JSON.stringify({ a: [{ b: { apiKey: key, region: plain } }] })],
    ['what is in a field for keys', 'CONFIG', JSON.stringify({ apiKeys: { openai: key }, names: { first: plain } })],
    ['a field beside others that are no text', 'CONFIG', JSON.stringify({ a: null, token: key, b: 1, c: [true] })],
    ['fields of a variable for keys', 'API_KEYS', JSON.stringify({ openai: key, other: github })],
    ['a value without a name in JSON', 'CONFIG', JSON.stringify({ auth: { value: key } })],
    ['an option with one dash in JSON', 'ARGS', JSON.stringify(['-token', key])],
    ['a field beside a name and its value', 'CONFIG', JSON.stringify({ name: 'a', value: plain, token: key })],
    ['JSON in a string of JSON', 'CONFIG', JSON.stringify({ inner: JSON.stringify({ token: key, region: plain }) })],
    ['JSON in base64', 'CONFIG_BASE64', base64(JSON.stringify({ client_secret: key, region: plain }))],
    [
      'JSON in base64 of several lines',
      'CONFIG_BASE64',
      base64(JSON.stringify({ region: plain, client_secret: key })).replace(/.{20}/g, '$&\n'),
    ],
    ['JSON in base64 with all its characters', 'CONFIG', base64(JSON.stringify({ a: 'ø>>ø??þ~~', token: key }))],
    [
      'JSON in base64 for URLs',
      'CONFIG',
      Buffer.from(JSON.stringify({ a: 'ø>>ø??þ~~', token: key })).toString('base64url'),
    ],
    ['options in JSON', 'ARGS', JSON.stringify(['--region', plain, '--api-key', key])],
    ['options', 'ARGS', `--region ${plain} --api-key ${key}`],
    ['an option with one dash', 'ARGS', `-token ${key} -region ${plain}`],
    ['an option with capitals', 'ARGS', `--apiKey ${key} --region ${plain}`],
    ['an option with a number', 'ARGS', `--api-key2 ${key} --region ${plain}`],
    ['the header of an option', 'ARGS', `--region ${plain} --header "Authorization: Bearer ${key}" --verbose`],
    ['the password of a URL', 'DATABASE_URI', `postgres://user:${key}@host/${plain}?host=${plain}`],
    ['the password of a URL without account', 'REDIS_URL', `redis://:${key}@host:6379/0`],
    ['the password of several hosts', 'MONGODB_URI', `mongodb://u:${key}@one:27017,two:27017/${plain}`],
    ['the password of one of several URLs', 'NATS_URLS', `nats://one.example.com,nats://u:${key}@two.example.com`],
    ['the password of an address of Go', 'MYSQL', `user:${key}@tcp(127.0.0.1:3306)/${plain}`],
    ['the parameter of a URL', 'SERVICE_URL', `https://example.com/${plain}?region=${plain}&api_key=${key}#x`],
    ['the fragment of a URL', 'SERVICE_URL', `https://example.com/#access_token=${key}`],
    ['the parameter of a URL of Java', 'JDBC_URL', `jdbc:postgresql://host/db?user=${plain}&password=${key}`],
    ['the field of a connection string', 'POSTGRES_CONNECTION_STRING', `host=${plain} password=${key} dbname=db`],
    ['the field with semicolons', 'CONNECTION', `Server=${plain};User ID=${plain};Password="${key}";Encrypt=true`],
    ['the line of a file of npm', 'NPM_RC', `//registry.example.com/:_authToken=${key}\nregion=${plain}`],
    ['a file of variables', 'ENV_FILE', `REGION=${plain}\nexport API_TOKEN='${key}'\n`],
    ['a file of YAML', 'KUBE', `users:\n- name: ${plain}\n  user:\n    token: ${key}\n`],
    ['cookies', 'MAIL_COOKIE', `li_at=${key}; theme=${plain}`],
    ['cookies of a browser', 'STATE', JSON.stringify({ cookies: [{ name: 'li_at', value: key, domain: plain }] })],
    ['a password of Basic', 'UPSTREAM_HEADER', `Basic ${base64(`ann:${key}`)}`],
    ['cookies among headers', 'HEADERS', `X-Source: ${plain}\nCookie: theme=${plain}; li_at=${key}; lang=en`],
    ['a key in quotation marks', 'API_KEY', `"${key}"`],
    ['keys in quotation marks', 'API_KEYS', `"${key}", "${github}"`],
    ['keys in a list of Python', 'API_KEYS', `['${github}', '${key}']`],
    ['the first key in a list of Python', 'API_KEYS', `['${key}', '${github}']`],
    ['keys in JSON that is not valid', 'API_KEYS', `{"a":"${key}","b":"${github}",}`],
    ['a key with a number', 'API_KEY2', key],
    ['the token of a header', 'UPSTREAM_HEADER', `Bearer ${key}`],
  ])('are found in %s [GTW-73]', async (_what, name, value) => {
    const stream = new PassThrough()
    stream.end(`{"a":"key ${key} of ${plain}"}`)
    expect(await text(redactOutput(stream, { [name]: value }))).toBe(`{"a":"key [redacted] of ${plain}"}`)
  })

  it('are found encoded and decoded [GTW-73]', () => {
    expect(keysOf('URI', 'postgres://u:p%40ss%2Fword-12345678@h/db')).toEqual([
      'p%40ss%2Fword-12345678',
      'p@ss/word-12345678',
    ])
    expect(keysOf('URI', 'postgres://u:p@ss/word#-12345678@h/db')).toContain('p@ss/word#-12345678')
    expect(keysOf('URI', 'postgres://u:pass/word#-12345678@h/db')).toEqual(['pass/word#-12345678'])
    expect(keysOf('URL', 'https://h/?token=a%2Bb+c-1234567890')).toEqual([
      'a%2Bb+c-1234567890',
      'a+b+c-1234567890',
      'a%2Bb c-1234567890',
      'a+b c-1234567890',
    ])
    const pem = '-----BEGIN PRIVATE KEY-----\\nMIIE0aB1\\n-----END PRIVATE KEY-----'
    expect(keysOf('SIGNING', pem)).toEqual([pem, pem.replaceAll('\\n', '\n')])
    const file = `REGION=${plain}\nSIGNING="-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n${pem}"\nGIT=${github}\n`
    for (const name of ['ENV_FILE', 'CLIENT_PEM'])
      expect(keysOf(name, file), name).toEqual(expect.arrayContaining([pem, pem.replaceAll('\\n', '\n'), github]))
    expect(keysOf('API_TOKENS', `first:${key},${github}`)).toEqual(expect.arrayContaining([key, github]))
  })

  it.each([
    ['base64', '0aB1/0aB1+0aB10aB='],
    ['base64 with more padding', '0aB1/0aB1+0aB1aB=='],
    ['an account and a password', 'ann:0aB1/0aB1+0aB1'],
    ['base64 for URLs', '-aB1_0aB1-0aB10aB'],
    ['a number and a token', '1234567:-AB1_0aB1-0aB1'],
    ['small letters and dashes', '0ab1--ab1-0ab1-0ab1'],
    ['a text with a percent sign', '100%-0aB1-0aB1-0aB1'],
  ])('are found as %s behind an option, a header and a field [GTW-73]', (_what, value) => {
    for (const text of [`--api-key ${value}`, `--api-key=${value}`, `X-Api-Key: ${value}`, `Password=${value};A=b`])
      expect(keysOf('SETTINGS', `${text}\n--region ${plain}`), text).toContain(value)
    for (const scheme of ['Basic', 'Bearer', 'Bot', 'Token'])
      expect(keysOf('HEADERS', `Authorization: ${scheme} ${value}`), scheme).toContain(`${scheme} ${value}`)
    if (!value.startsWith('ann:'))
      expect(keysOf('HEADERS', `Authorization: GenieKey ${value}`)).toContain(`GenieKey ${value}`)
    expect(keysOf('ARGS', `-e "A=b" -e API_TOKEN="${value}" --name ${plain}`)).toContain(value)
  })

  it.each(['=', ' =', '= ', ' = ', ':', ' :', ': ', ' : '])('are found behind a name and "%s" [GTW-73]', (mark) => {
    for (const value of ['0ab1-0ab1-0ab1-0ab', key, `"${key}"`]) {
      const text = `REGION${mark}${plain}\nAPI_TOKEN${mark}${value}\nSOURCE${mark}${plain}`
      expect(keysOf('SETTINGS', text), text).toEqual([value.replaceAll('"', '')])
    }
  })

  it.each(['DB_PASSWORD=:h4WjBLLOfTXFi1,', 'password: ==abcdefg;hijklmn', 'DB_PASSWORD=>ab;cdefghijklmnop'])(
    'are found with a mark at their beginning: %s [GTW-73]',
    (text) => {
      expect(keysOf('SETTINGS', text)).toContain(text.replace(/^\w+(?:: |=)/, ''))
    },
  )

  it.each([',', '&', "'", '"'])('are found with %s in them behind a name [GTW-73]', (mark) => {
    const value = `0aB1${mark}0aB1-0aB1-0aB1`
    const fields = `Server=${plain};Password=${value};Database=${plain}`
    const options = [
      `--region ${plain} --password  ${value} --verbose`,
      `-password ${value} -region ${plain}`,
      `--password=${value} --region ${plain}`,
    ]
    const lines = [`X-Api-Key: ${value}\nX-Source: ${plain}`, `export API_KEY=${value}\nREGION=${plain}`]
    for (const text of [fields, ...options, ...lines, `host=${plain} password=${value} dbname=db`]) {
      expect(keysOf('SETTINGS', text), text).toContain(value)
      expect(keysOf('SETTINGS', text), text).not.toContain(plain)
    }
  })

  it('are found by their form, whatever their name [GTW-73]', () => {
    expect(keysOf('GIT_REMOTE', `https://${github}@github.com/a/b`)).toEqual([github])
    expect(keysOf('KEY_PREFIX', github)).toEqual([github])
    expect(keysOf('WALLET', '0aB1'.repeat(16).toLowerCase())).toEqual(['0ab1'.repeat(16)])
    for (const text of [
      '--wallet X',
      '--wallet=X',
      'WALLET=X',
      'wallet: X',
      'WALLET = X',
      'WALLET =X',
      'a=b; wallet="X"',
    ])
      expect(keysOf('SETTINGS', text.replace('X', '0ab1'.repeat(16))), text).toEqual(['0ab1'.repeat(16)])
    for (const text of ['--image-digest X', 'COMMIT=X', 'public_key = X'])
      expect(keysOf('SETTINGS', text.replace('X', '0ab1'.repeat(16))), text).toEqual([])
    expect(keysOf('IMAGE_DIGEST', '0ab1'.repeat(16))).toEqual([])
    expect(keysOf('CONTRACT_ADDRESS', `0x${'0ab1'.repeat(16)}`)).toEqual([])
    expect(keysOf('WG_PUBLIC_KEY', `${'0aB1'.repeat(10)}0aB=`)).toEqual([])
    expect(keysOf('WIREGUARD', `${'0aB1'.repeat(10)}0aB=`)).toEqual([`${'0aB1'.repeat(10)}0aB=`])
    expect(keysOf('IMAGE', `sha256:${'0ab1'.repeat(16)}`)).toEqual([])
  })

  it('are not a short password, but this one with its account and its host [GTW-73]', () => {
    expect(keysOf('URI', 'postgres://user:hunter2@db.example.com:5432/x')).toEqual(['user:hunter2@db.example.com'])
    expect(keysOf('URI', 'postgres://u:hunter2@db:5432/x')).toEqual(['postgres://u:hunter2@db'])
    expect(keysOf('URI', 'postgres://user:p%40ss@db.example.com')).toEqual([
      'user:p%40ss@db.example.com',
      'user:p@ss@db.example.com',
    ])
    expect(keysOf('URI', 'a://u:pw@db/x')).toEqual([])
    expect(keysOf('URL', 'https://example.com/?api_key=hunter2')).toEqual([])
  })

  it('are not the other values [GTW-73]', () => {
    const others: (readonly [string, string])[] = [
      ...['KEY_PREFIX', 'SECRET_NAME', 'TOKEN_TYPE', 'AUTH_DOMAIN', 'AUTH_PROVIDER', 'SESSION_STORE_BACKEND', 'MONKEY'],
      ...['TURKEY_REGION', 'KEYCLOAK_REALM_LABEL', 'TOKENIZER_MODEL', 'PASSPORT_AUTHORITY', 'AUTHOR', 'COMPASS'],
      ...[
        'SORT_KEY',
        'PRIMARY_KEY',
        'PUBLIC_KEY',
        'BOT_USERNAME',
        'COOKIE_DOMAIN',
        'TOKENS_PER_MINUTE',
        'PRIVATE_NETWORK',
        'KEYBOARD',
        'TOKEN_ADDRESS',
        'DB_SECRET_ARN',
        'API_KEY_FINGERPRINT',
        'SECRET_REFERENCE',
        'SESSION_ID_ROW',
      ],
    ].map((name) => [name, plain] as const)
    others.push(
      ['TOKEN_URL', 'https://login.example.com/oauth/token'],
      ['TWILIO_ACCOUNT_SID', `AC${'0ab1'.repeat(8)}`],
      ['GOOGLE_APPLICATION_CREDENTIALS', '/home/ann/keys/service-account.json'],
      ['SERVICE_URL', 'https://host.example.com:8080/organizations/repository@main?page_token_type=production'],
      ['CA', `-----BEGIN CERTIFICATE-----\n${'MIIE'.repeat(16)}\n-----END CERTIFICATE-----`],
      ['OPTIONS', '{"sort":{"key":"created_at_timestamp"},"token":{"endpoint":"https://login.example.com/"}}'],
      ['LINK', 'mailto:ann.smith@example.com'],
    )
    const named = [
      { key: 'X-Organization-Key', value: 'abc' },
      { name: 'X-Source', value: plain },
    ]
    others.push(
      ['AUTH_CONFIG', JSON.stringify({ auth: named })],
      ...['abc', 'a-bot', 'bot-1'].map((word) => ['CONNECTION', `password=${word} host=${plain}`] as const),
      ...['a1', 'abc1', '1abc'].map((word) => ['CONNECTION', `password=${word} ${plain}`] as const),
      ...['a1 abc', '"abc"', "'abc'"].map((word) => ['ARGS', `--password ${word} ${plain}`] as const),
      ...['\n', ', ', '; ', '& '].map((mark) => ['HEADERS', `X-Api-Key:${mark}${plain}`] as const),
      ...[`a1 "${plain}"`, `abc,host=${plain}`].map((text) => ['CONNECTION', `password=${text}`] as const),
      ['CONDITION', 'token.aud == "sts.amazonaws.com"'],
      ['NOTE', 'the secret production,environment and x--token production,environment; token >production-environment'],
      ['ARGS', `--token --${plain}`],
      ['ARGS', JSON.stringify(['create-token', plain, '--token=abc', plain, 'x--token', plain])],
    )
    expect(keysOf('COOKIE', `theme="${plain}"`)).not.toContain(plain)
    for (const [name, value] of others) expect(keysOf(name, value), name).toEqual([])
    const account = {
      ...{ type: 'service_account', project_id: 'my-company-analytics', private_key_id: '0ab1'.repeat(10) },
      ...{ private_key: '-----BEGIN PRIVATE KEY-----\nMIIE\n', client_email: 'name@example.iam.gserviceaccount.com' },
      ...{ token_uri: 'https://oauth2.googleapis.com/token', universe_domain: 'googleapis.example.com' },
    }
    expect(keysOf('GOOGLE_CREDENTIALS', JSON.stringify(account))).toEqual(['-----BEGIN PRIVATE KEY-----\nMIIE'])
  })

  it('are in variables with names in every spelling [GTW-73]', () => {
    const names = [
      ...['apikey', 'API-KEY', 'accessToken', 'PGPASSWORD', 'SECRET_KEY_BASE', 'DBPASS', 'API_KEY_PROD', 'AUTH_HEADER'],
      ...[
        'SESSION_ID',
        'SLACK_WEBHOOK_URL',
        'KEY1',
        'openAIKey',
        'githubPat',
        'API_KEYS',
        'SENTRY_DSN',
        'JWT',
        'SEED_PHRASE',
        'TOTP_SEED',
        'AUTH_BASIC',
        'CLIENT_ASSERTION',
        'RECOVERY_CODES',
        'DB_PASSCODE',
        'SLACK_COOKIE_D',
      ],
    ]
    for (const name of names) expect(keysOf(name, key), name).toEqual([key])
  })

  it('are not the text of JSON with them, which would break the message [GTW-73]', async () => {
    const value = `{"key":"${key}"}`
    const stream = new PassThrough()
    stream.end(`{"id":1,"result":{"structuredContent":${value}}}`)
    expect(await text(redactOutput(stream, { API_KEYS: value }))).toBe(
      '{"id":1,"result":{"structuredContent":{"key":"[redacted]"}}}',
    )
    expect(keysOf('API_KEYS', JSON.stringify([value, key]))).toEqual([key])
    const short = '{"user":"ann","password":"hunter2"}'
    expect(keysOf('DB_CREDENTIALS', short)).toEqual([short])
    // In base64, it breaks none.
    expect(keysOf('SESSION_TOKEN', base64(value))).toEqual([key, base64(value)])
  })

  it('are found with the marks of a message around them kept [GTW-73]', async () => {
    const stream = new PassThrough()
    stream.end(`{"a":"${key}","organization-key":"${key}"}`)
    const broken = `{"organization-key":"${key}","b":"${github}",}`
    expect(await text(redactOutput(stream, { LIST_KEYS: `"${key}", "${github}"`, BROKEN_KEYS: broken }))).toBe(
      '{"a":"[redacted]","organization-key":"[redacted]"}',
    )
    expect(keysOf('API_KEYS', `X-Authorization: ${key}`)).not.toContain('X-Authorization:')
    expect(keysOf('BOT_TOKENS', `${github} 1234567:0aB1-0aB1`)).toContain('1234567:0aB1-0aB1')
    expect(keysOf('API_KEYS', `{'organization-key':'${key}', 'b':1}`)).not.toContain(`organization-key':'${key}`)
  })

  it.each(['correct horse, battery & staple', "o'neil-secret-1234"])(
    'are found in quotation marks as %s [GTW-73]',
    (value) => {
      expect(keysOf('ARGS', `--user ann --password "${value}" --region ${plain}`)).toContain(value)
      const others = value.replaceAll("'", '"')
      expect(keysOf('ARGS', `--user ann --password '${others}' --region ${plain}`)).toContain(others)
    },
  )

  it('are found in quotation marks with white space inside and outside [GTW-73]', () => {
    const phrase = 'correct horse battery staple'
    for (const value of [`"${phrase}"\n`, `'${phrase}'`, ` " ${phrase} " `])
      expect(keysOf('MNEMONIC', value), value).toContain(phrase)
    expect(keysOf('API_KEY', ` " ${key} " `)).toEqual([key])
    expect(keysOf('API_KEY', `"${' '.repeat(16)}hunter2"`)).toEqual([])
    expect(keysOf('API_KEY', `"${key}`)).toContain(key)
    expect(keysOf('API_KEYS', `' {"key":"${key}","region":"${plain}"}'`)).toEqual([key])
  })

  it('are found without an account or a name before them, and with brackets at their ends [GTW-73]', () => {
    expect(keysOf('AUTH', `:${key}`)).toContain(key)
    expect(keysOf('MAIL_COOKIE', `=${key}`)).toContain(key)
    for (const mark of [' ', '\t', ',', ';'])
      for (const first of ['one', '(one', '"one'])
        expect(keysOf('API_TOKENS', `${first}:${key})${mark}two:0aB1-0aB1-0aB1-0aB1)`), mark).toEqual(
          expect.arrayContaining([key, '0aB1-0aB1-0aB1-0aB1']),
        )
    expect(keysOf('DB_PASSWORDS', `${key} 0aB1(0aB1[0aB1-0aB1]`)).toContain('0aB1(0aB1[0aB1-0aB1]')
  })

  it.each(['PRIVATE KEY', 'RSA PRIVATE KEY', 'PGP PRIVATE KEY BLOCK'])(
    'are found in a file with a %s [GTW-73]',
    (kind) => {
      const pem = `-----BEGIN ${kind}-----\nMIIE0aB1\n0aB1\n-----END ${kind}-----`
      expect(keysOf('CLIENT_PEM', `-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n${pem}\n`)).toContain(
        pem,
      )
    },
  )

  it('are found in a field with the name `key`, unless it is the name of something [GTW-73]', () => {
    const words = 'created_at_timestamp'
    for (const value of ['{"column":{"key":"created_at_timestamp"}}', 'key=created_at_timestamp'])
      expect(keysOf('ORDER', value), value).toEqual([])
    for (const value of [key, '9f-2b-4c-1d-0a-0b-1e', 'f9-b2-c4-d1-a0-b0-e1'])
      expect(keysOf('CONFIG', JSON.stringify({ key: value })), value).toEqual([value])
    for (const name of ['apikey', 'keys', 'password'])
      expect(keysOf('CONFIG', JSON.stringify({ [name]: words })), name).toEqual([words])
    expect(keysOf('apikey', words)).toEqual([words])
    expect(keysOf('CONFIG', JSON.stringify({ credentials: { key: words } }))).toEqual([words])
  })

  it('are found in eight values within values, and are no longer searched for in more [GTW-73]', () => {
    const nested = (depth: number, wrap: (value: string) => string): string => {
      let value = `token=${key}`
      for (let at = 0; at < depth; at++) value = wrap(value)
      return value
    }
    const inUrl = (value: string): string => `https://h/?a=${encodeURIComponent(value)}`
    const inJson = (value: string): string => JSON.stringify({ a: value })
    const inField = (value: string): string => `token=${value}`
    // The innermost value of a field is found with the one around it.
    for (const [wrap, most] of [[inUrl, 7] as const, [inJson, 7] as const, [inField, 8] as const]) {
      expect(keysOf('VALUE', nested(most, wrap)), wrap.name).toContain(key)
      expect(keysOf('VALUE', nested(most + 1, wrap)), wrap.name).not.toContain(key)
    }
  })

  it('are not the path of a file with one, but a key may look like a part of a path [GTW-73]', () => {
    const folders = [
      'app',
      'data',
      'etc',
      'home',
      'mnt',
      'opt',
      'private',
      'root',
      'run',
      'secrets',
      'srv',
      'tmp',
      'usr',
    ]
    const starts = [...folders, 'Users', 'var'].map((folder) => `/${folder}/`)
    for (const start of [...starts, '~/', './', '../', 'C:\\', 'd:\\'])
      expect(keysOf('DEPLOY_KEY', `${start}keys/deployment.txt`), start).toEqual([])
    for (const value of ['/0aB1/0aB1+0aB1-0aB1', '0aB1/run/0aB1+0aB1/'])
      expect(keysOf('DEPLOY_KEY', value), value).toContain(value)
  })

  it('are not public values that look like keys, nor words like those of a header [GTW-73]', () => {
    const kinds = ['HASH', 'DIGEST', 'SHA256', 'CHECKSUM', 'FINGERPRINT', 'COMMIT', 'REVISION', 'PUBLIC', 'ADDRESS']
    for (const kind of [...kinds, 'RECIPIENT', 'TRANSACTION'])
      expect(keysOf(`BUILD_${kind}`, '0ab1'.repeat(16)), kind).toEqual([])
    for (const words of ['Basic subscription', 'the standard bearer company', 'Bearer of many things'])
      expect(keysOf('PLAN', words), words).toEqual([])
    expect(keysOf('API_KEY', 'https://h.example.com:8443-organizations')).toEqual([
      'https://h.example.com:8443-organizations',
    ])
  })

  it('are found at any depth of JSON', () => {
    const depth = 5_000
    const value = `${'{"a":['.repeat(depth)}{"token":"${key}"}${']}'.repeat(depth)}`
    expect(keysOf('CONFIG', value)).toEqual([key])
    expect(keysOf('CONFIG', `${'['.repeat(60_000)}`)).toEqual([])
  })
})
