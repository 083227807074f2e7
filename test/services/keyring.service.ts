// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** The keyring of a Linux desktop, on a message bus of its own. */
export const service: Service = {
  name: 'keyring',
  apt: 'gnome-keyring libsecret-tools dbus',
  tests: ['keyring.test.ts'],
  find: () => {
    const programs = ['gnome-keyring-daemon', 'secret-tool', 'dbus-run-session'].map((name) => findProgram(name))
    return programs.every((path) => path !== undefined) ? programs[2] : undefined
  },
}
