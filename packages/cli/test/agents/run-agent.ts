// node only: runs programs
/** Starts the published agents, each in a folder of its own and with a model of ours. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FakeModel, messagesModel, responsesModel, type ScriptedCall, subPrompt } from './models.ts'
import { claudeUses, codexUses, type ToolUse } from './transcripts.ts'
import type { World } from './world.ts'

/** How the hook of an agent is configured. */
export interface HookSetting {
  /** The command line; undefined for no hook. */
  readonly command: string | undefined
  /** Claude Code: block the call when the hook fails. */
  readonly onFailure?: 'block'
  /** Codex: run the hook although nobody has trusted it. */
  readonly trusted?: boolean
}

/** A published agent. */
export interface AgentProgram {
  readonly name: string
  readonly model: FakeModel
  /** Runs the agent until its model says that it is done. */
  run(world: World, hook: HookSetting): Promise<AgentRun>
  /** The calls that start a sub-agent, and wait for its end. */
  readonly subAgent: readonly ScriptedCall[]
  /** The calls of tools in the transcripts below a folder. */
  usesIn(folder: string): readonly ToolUse[]
}

/** A run of an agent. */
export interface AgentRun {
  readonly output: string
  /** The folder with its settings, transcripts and logs. */
  readonly folder: string
  /** How it ended, such as `ended with 0 after 12 s`. */
  readonly end: string
}

/** The process of the agent that runs now. */
export const running: { pid: number | undefined } = { pid: undefined }

const matcher = 'mcp__(?:mail|files)__.*'

/** Claude Code. */
export async function claude(binaries: string): Promise<AgentProgram> {
  const model = await messagesModel()
  return {
    ...{ name: 'Claude Code', model, usesIn: claudeUses },
    subAgent: [
      {
        tool: 'Agent',
        args: { description: 'sends', prompt: subPrompt, subagent_type: 'general-purpose', run_in_background: false },
      },
    ],
    run(world, { command, onFailure }) {
      const folder = newFolder('claude')
      const mcpServers = Object.fromEntries(
        Object.entries(world.servers).map(([name, server]) => [name, { type: 'stdio', ...server }]),
      )
      writeFileSync(join(folder, 'mcp.json'), JSON.stringify({ mcpServers }))
      const hooks = [{ type: 'command', command, ...(onFailure !== undefined && { onFailure }) }]
      const settings = command === undefined ? {} : { hooks: { PreToolUse: [{ matcher, hooks }] } }
      writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
      const allowed = Object.keys(world.servers).map((name) => `mcp__${name}`)
      const words = ['-p', 'go', '--mcp-config', 'mcp.json', '--strict-mcp-config', '--settings', 'settings.json']
      const env = {
        ...{ ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'x', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
        ENABLE_TOOL_SEARCH: 'false',
      }
      return start(join(binaries, 'claude'), [...words, '--allowedTools', allowed.join(',')], env, folder)
    },
  }
}

/** Codex. */
export async function codex(binaries: string): Promise<AgentProgram> {
  const model = await responsesModel()
  return {
    ...{ name: 'Codex', model, usesIn: codexUses },
    subAgent: [
      { namespace: 'multi_agent_v1', tool: 'spawn_agent', args: { message: subPrompt } },
      {
        namespace: 'multi_agent_v1',
        tool: 'wait_agent',
        args: (results) => ({
          targets: /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(results.at(-1) ?? '') ?? [],
          timeout_ms: 60_000,
        }),
      },
    ],
    run(world, { command, trusted }) {
      const folder = newFolder('codex')
      const servers = Object.entries(world.servers).map(
        ([name, one]) =>
          `[mcp_servers.${name}]\ncommand = ${JSON.stringify(one.command)}\nargs = ${JSON.stringify(one.args)}\nrequired = true\nstartup_timeout_sec = 60`,
      )
      const settings = [
        ...[
          'model = "gpt-5"',
          'model_provider = "fake"',
          'approval_policy = "never"',
          'sandbox_mode = "danger-full-access"',
        ],
        ...['[model_providers.fake]', 'name = "fake"', `base_url = "${model.url}/v1"`, 'wire_api = "responses"'],
        ...['env_key = "FAKE_KEY"', 'supports_websockets = false', ...servers],
      ]
      writeFileSync(join(folder, 'config.toml'), `${settings.join('\n')}\n`)
      const hooks = { hooks: { PreToolUse: [{ matcher, hooks: [{ type: 'command', command }] }] } }
      if (command !== undefined) writeFileSync(join(folder, 'hooks.json'), JSON.stringify(hooks))
      const words = [
        'exec',
        '--skip-git-repo-check',
        ...(trusted === true ? ['--dangerously-bypass-hook-trust'] : []),
        'go',
      ]
      return start(join(binaries, 'codex'), words, { CODEX_HOME: folder, FAKE_KEY: 'x' }, folder)
    },
  }
}

function newFolder(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `procura-${name}-`)))
  mkdirSync(join(folder, '.config'))
  return folder
}

function start(
  file: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  folder: string,
): Promise<AgentRun> {
  return new Promise((settle, fail) => {
    const child = spawn(file, words, {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.pid = child.pid
    const output: string[] = []
    const began = performance.now()
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
    const timer = setTimeout(() => child.kill('SIGKILL'), 180_000)
    child.once('error', fail)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      running.pid = undefined
      const end = `ended with ${signal ?? code} after ${Math.round((performance.now() - began) / 1_000)} s`
      settle({ output: output.join(''), folder, end })
    })
  })
}
