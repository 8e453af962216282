// What runs: the handset's own tests, the wire, the bridge, the page; all against programs that the tests start.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  outputDir: 'test-results/runs',
  fullyParallel: true,
  forbidOnly: !!process.env['CI'],
  workers: 2,
  retries: 0,
  timeout: 40_000,
  expect: { timeout: 8_000 },
  reporter: [['list'], ['./reporter.ts']],
  projects: [
    { name: 'unit', testDir: 'unit' },
    { name: 'wire', testDir: 'wire' },
    { name: 'bridge', testDir: 'bridge' },
    { name: 'page', testDir: 'page', use: { trace: 'retain-on-failure' } },
  ],
  use: {
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
    actionTimeout: 8_000,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
  },
});
