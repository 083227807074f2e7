import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes programs `systemctl` and `loginctl` into a folder, which start and end the process of the unit of a user. */
export function fakeSystemctl(bin: string): void {
  const systemctl = `#!/bin/sh
dir='${bin}'
echo "$*" >> "$dir/calls"
if [ -e "$dir/broken" ]; then echo 'Failed to connect to bus: No medium found' >&2; exit 1; fi
case "$*" in
  *'enable --now procura.service')
    line=$(sed -n 's/^ExecStart=//p' "$HOME/.config/systemd/user/procura.service")
    eval "$line < /dev/null > '$dir/journal' 2>&1 &"
    echo $! > "$dir/process" ;;
  *'disable --now procura.service') kill "$(cat "$dir/process")" || true ;;
esac
`
  writeFileSync(join(bin, 'systemctl'), systemctl, { mode: 0o755 })
  writeFileSync(join(bin, 'loginctl'), '#!/bin/sh\necho Linger=no\n', { mode: 0o755 })
}
