// SPDX-License-Identifier: BSD-2-Clause
// Says READY once the script holds its connections, then waits as the test asked:
//   --hold=stdin   until standard input ends        --hold=SECONDS   that long
//   (nothing)      not at all: READY, and on
// --end=exit ends the process on the spot, as a hurried script does; otherwise Node ends when
// nothing is left to do.
'use strict';

function option(name, fallback) {
	const found = process.argv.find((arg) => arg.startsWith(`--${name}=`));
	return found ? found.slice(name.length + 3) : fallback;
}

async function hold() {
	process.stdout.write('READY\n');
	const how = option('hold');
	if (how === 'stdin') {
		await new Promise((done) => process.stdin.resume().once('end', done));
	} else if (how) {
		await new Promise((done) => setTimeout(done, Number(how) * 1000));
	}
	if (option('end') === 'exit') {
		process.exit(0);
	}
}

module.exports = { hold, option };
