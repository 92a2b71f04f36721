// Makes a container in an Azurite: node container.mjs PORT NAME.
//
// The account and its key are those that every Azurite has; they are printed in its documentation.
import { createHmac } from 'node:crypto'

const [port, name] = process.argv.slice(2)
const account = 'devstoreaccount1'
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

const path = `/${account}/${name}`
const fields = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2023-11-03' }
const named = Object.entries(fields).map(([field, value]) => `${field}:${value}`)
// Method, eleven standard fields that are not sent, our own, the resource: the text that Azure's "Shared Key" signs.
const text = ['PUT', ...Array(11).fill(''), ...named, `/${account}${path}`, 'restype:container'].join('\n')
const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64')
const authorization = `SharedKey ${account}:${signature}`
const url = `http://127.0.0.1:${port}${path}?restype=container`
const answer = await fetch(url, { method: 'PUT', headers: { ...fields, authorization } })
if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`)
