// imapflow: IDLE sees a message that comes over LMTP. Arguments: IMAP port, LMTP port, user, password.
'use strict';

const assert = require('node:assert');
const net = require('node:net');
const { ImapFlow } = require('imapflow');

const [imapPort, lmtpPort, user, pass] = process.argv.slice(2);

function deliver(message) {
    const lines = ['LHLO node', 'MAIL FROM:<a@example.org>', `RCPT TO:<${user}>`, 'DATA', `${message}\r\n.`, 'QUIT'];
    return new Promise((resolve, reject) => {
        const socket = net.connect(Number(lmtpPort), '127.0.0.1');
        let text = '';
        socket.on('data', data => {
            text += data;
            for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
                const line = text.slice(0, end);
                text = text.slice(end + 2);
                if (!/^[23]/.test(line)) reject(new Error(line));
                if (line[3] !== '-' && lines.length) socket.write(`${lines.shift()}\r\n`);
            }
        });
        socket.on('close', resolve);
        socket.on('error', reject);
    });
}

async function main() {
    const client = new ImapFlow({
        host: '127.0.0.1', port: Number(imapPort), secure: false, auth: { user, pass },
        logger: false, tls: { rejectUnauthorized: false }
    });
    await client.connect();
    const mailbox = await client.mailboxOpen('INBOX');
    assert.strictEqual(mailbox.exists, 3);
    const arrived = new Promise(resolve => client.on('exists', resolve));
    const idling = client.idle();
    await deliver('Subject: seen by imapflow\r\n\r\nbody');
    const event = await arrived;
    assert.strictEqual(event.count, 4);
    const message = await client.fetchOne('4', { envelope: true, source: true, flags: true, bodyStructure: true });
    await idling;
    assert.strictEqual(message.envelope.subject, 'seen by imapflow');
    assert.ok(message.source.toString().endsWith('\r\n\r\nbody\r\n'));
    await client.messageFlagsAdd({ uid: '1:2' }, ['\\Seen'], { uid: true });
    assert.deepStrictEqual(await client.search({ seen: true }), [1, 2]);
    await client.mailboxCreate(['Projekte', 'Grüße']);
    await client.messageMove('1', 'Projekte/Grüße');
    const status = await client.status('Projekte/Grüße', { messages: true });
    assert.strictEqual(status.messages, 1);
    const list = await client.list();
    assert.ok(list.some(folder => folder.specialUse === '\\Sent'));
    await client.messageDelete('1:*');
    await client.logout();
    console.log('done');
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
