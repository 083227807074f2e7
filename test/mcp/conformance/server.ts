/** A server with the tools, resources and prompts for which the conformance suite of MCP asks. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
const silence = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='

const text = (words: string): object => ({ type: 'text', text: words })
const image = { type: 'image', data: pixel, mimeType: 'image/png' }
const embedded = (uri: string, mimeType: string, words: string): object => ({
  type: 'resource',
  resource: { uri, mimeType, text: words },
})
const inputSchema = (...names: readonly string[]): object => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  required: names,
})

const jsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
  additionalProperties: false,
}

interface ConformanceTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: object
}

type Asking = Parameters<Parameters<Server['setRequestHandler']>[1]>[1]

/** A form of elicitation, and the beginning of the text that reports its answer. */
const forms: Readonly<Record<string, readonly [words: string, schema: object]>> = {
  test_elicitation: ['User response', { type: 'object', properties: { response: { type: 'string' } } }],
  test_elicitation_sep1034_defaults: [
    'Elicitation completed',
    {
      type: 'object',
      properties: {
        name: { type: 'string', default: 'John Doe' },
        age: { type: 'integer', default: 30 },
        score: { type: 'number', default: 95.5 },
        status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', default: true },
      },
    },
  ],
  test_elicitation_sep1330_enums: [
    'Elicitation completed',
    {
      type: 'object',
      properties: {
        untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
        titledSingle: {
          type: 'string',
          oneOf: [
            { const: 'value1', title: 'First' },
            { const: 'value2', title: 'Second' },
          ],
        },
        legacyEnum: { type: 'string', enum: ['opt1', 'opt2'], enumNames: ['One', 'Two'] },
        untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
        titledMulti: {
          type: 'array',
          items: {
            anyOf: [
              { const: 'value1', title: 'First' },
              { const: 'value2', title: 'Second' },
            ],
          },
        },
      },
    },
  ],
}

const plain: Readonly<Record<string, readonly object[]>> = {
  test_simple_text: [text('This is a simple text response for testing.')],
  test_image_content: [image],
  test_audio_content: [{ type: 'audio', data: silence, mimeType: 'audio/wav' }],
  test_embedded_resource: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  test_multiple_content_types: [
    text('Multiple content types test:'),
    image,
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
}

const tools: readonly ConformanceTool[] = [
  ...Object.keys(plain).map((name) => ({ name, inputSchema: inputSchema() })),
  ...['test_tool_with_logging', 'test_tool_with_progress', 'test_error_handling', 'test_reconnection'].map((name) => ({
    name,
    inputSchema: inputSchema(),
  })),
  ...Object.keys(forms).map((name) => ({
    name,
    inputSchema: name === 'test_elicitation' ? inputSchema('message') : inputSchema(),
  })),
  { name: 'test_sampling', inputSchema: inputSchema('prompt') },
  { name: 'json_schema_2020_12_tool', inputSchema: jsonSchema },
].map((tool) => ({ ...tool, description: `tests ${tool.name}` }))

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function call(
  name: string,
  args: Readonly<Record<string, unknown>>,
  { sendNotification, sendRequest, _meta }: Asking,
): Promise<readonly object[]> {
  if (Object.hasOwn(plain, name)) return plain[name] as readonly object[]
  if (name === 'test_tool_with_logging') {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data } })
      await wait(50)
    }
    return [text('logged')]
  }
  if (name === 'test_tool_with_progress') {
    const progressToken = _meta?.progressToken ?? 0
    for (const progress of [0, 50, 100]) {
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
      await wait(50)
    }
    return [text(String(progressToken))]
  }
  if (name === 'test_sampling') {
    const messages = [{ role: 'user', content: text(String(args['prompt'])) }]
    const request = { method: 'sampling/createMessage', params: { messages, maxTokens: 100 } }
    const { content } = await sendRequest(request as never, CreateMessageResultSchema)
    return [text(`LLM response: ${String(Object(content).text)}`)]
  }
  if (Object.hasOwn(forms, name)) {
    const [words, requestedSchema] = forms[name] as readonly [string, object]
    const params = { mode: 'form', message: String(args['message'] ?? 'Please fill in the form'), requestedSchema }
    const { action, content } = await sendRequest({ method: 'elicitation/create', params } as never, ElicitResultSchema)
    return [text(`${words}: action=${action}, content=${JSON.stringify(content ?? {})}`)]
  }
  if (name === 'test_reconnection') {
    await wait(100)
    return [text('Reconnection test completed successfully')]
  }
  return [text(`received ${JSON.stringify(args)}`)]
}

const resources = [
  { uri: 'test://static-text', name: 'text', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'binary', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'watched', mimeType: 'text/plain' },
]

function read(uri: string): object {
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: pixel }
  const [, id] = /^test:\/\/template\/([^/]+)\/data$/.exec(uri) ?? []
  if (id === undefined) return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }
  return {
    uri,
    mimeType: 'application/json',
    text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  }
}

const prompts = [
  { name: 'test_simple_prompt' },
  { name: 'test_prompt_with_arguments', arguments: ['arg1', 'arg2'].map((name) => ({ name, required: true })) },
  { name: 'test_prompt_with_embedded_resource', arguments: [{ name: 'resourceUri', required: true }] },
  { name: 'test_prompt_with_image' },
].map((one) => ({ ...one, description: `tests ${one.name}` }))

function prompt(name: string, args: Readonly<Record<string, string>> = {}): readonly object[] {
  const user = (content: object): object => ({ role: 'user', content })
  if (name === 'test_simple_prompt') return [user(text('This is a simple prompt for testing.'))]
  if (name === 'test_prompt_with_arguments')
    return [user(text(`Prompt with arguments: arg1='${args['arg1']}', arg2='${args['arg2']}'`))]
  if (name === 'test_prompt_with_image') return [user(image), user(text('Please analyze the image above.'))]
  return [
    user(embedded(String(args['resourceUri']), 'text/plain', 'Embedded resource content for testing.')),
    user(text('Please process the embedded resource above.')),
  ]
}

/** Makes a server for one session. */
export function conformanceServer(): Server {
  const capabilities = {
    ...{ tools: { listChanged: true }, prompts: { listChanged: true }, logging: {}, completions: {} },
    resources: { subscribe: true, listChanged: true },
  }
  const server = new Server({ name: 'conformance', version: '1' }, { capabilities })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }) as never)
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    if (params.name === 'test_error_handling')
      return { content: [text('This tool intentionally returns an error for testing')], isError: true } as never
    return { content: await call(params.name, params.arguments ?? {}, extra as Asking) } as never
  })
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({ contents: [read(params.uri)] }) as never)
  server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts }))
  server.setRequestHandler(
    GetPromptRequestSchema,
    ({ params }) => ({ messages: prompt(params.name, params.arguments) }) as never,
  )
  server.setRequestHandler(CompleteRequestSchema, () => ({
    completion: { values: ['paris'], total: 1, hasMore: false },
  }))
  server.setRequestHandler(SetLevelRequestSchema, () => ({}))
  return server
}

/** The tools, for the commands of a gateway. */
export const conformanceTools: readonly ConformanceTool[] = tools
