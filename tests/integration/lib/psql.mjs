/* A psql that stays open: for tests that hold a lock in a transaction. */
import { spawn } from 'node:child_process';
import { within } from './wait.mjs';

export class Session {
  constructor(t, instance) {
    this.child = spawn('psql', ['-X', '-A', '-t', '-q', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-d', instance.status.pg],
      { stdio: ['pipe', 'pipe', 'pipe'] });
    this.output = '';
    this.stderr = '';
    this.count = 0;
    this.wake = () => {};
    this.child.stdout.on('data', (data) => {
      this.output += data;
      this.wake();
    });
    this.child.stderr.on('data', (data) => { this.stderr += data; });
    this.child.on('exit', () => this.wake());
    this.child.stdin.on('error', () => {});
    t?.after(() => this.child.kill('SIGKILL'));
  }

  /** Run statements; rows of columns. Fails on an SQL error. */
  async sql(statements) {
    const mark = `--done-${++this.count}--`;
    const from = this.output.length;
    this.child.stdin.write(`${statements};\n\\echo ${mark}\n`);
    const answer = new Promise((resolve, reject) => {
      this.wake = () => {
        const at = this.output.indexOf(mark, from);
        if (at >= 0) resolve(this.output.slice(from, at));
        else if (this.child.exitCode !== null) reject(new Error(`psql: ${this.stderr}`));
      };
      this.wake();
    });
    const text = await within(`psql ${statements.slice(0, 60)}`, answer, 20_000);
    return text.split('\n').filter(Boolean).map((line) => line.split('\t'));
  }
}
