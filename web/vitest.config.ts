import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The SDK's sources, as the app's own build takes them.
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: { include: ['sdk/src/**/*.test.ts', 'app/src/**/*.test.ts'] },
});
