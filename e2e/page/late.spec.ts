// A page whose program does not come says so, with a way to try again.
import { expect, test } from './visit';

test.use({ expectedComplaints: /Failed to load resource|Failed to fetch|ERR_FAILED|dynamically imported module/ });

for (const kind of ['wasm', 'js'] as const) {
  test(`a lost ${kind} file is not waited for in silence`, async ({ visit }) => {
    const anna = await visit();
    await expect(anna.page.getByRole('tab', { name: 'Register' })).toBeVisible();
    await anna.page.route(`**/*.${kind}`, async (route) => {
      await route.abort();
    });
    await anna.page.evaluate(() => { location.hash = '#/room/Lobby'; });
    await anna.page.reload({ waitUntil: 'commit' });
    const again = anna.page.getByRole('button', { name: 'Try again' });
    await expect(again).toBeVisible({ timeout: 20_000 });
    await expect(anna.page.getByText('The page could not be loaded yet.')).toBeVisible();
    await anna.page.unroute(`**/*.${kind}`);
    await again.click();
    await anna.register('anna');
    // where the address has pointed all the time
    await anna.isInChat('Lobby');
  });
}
