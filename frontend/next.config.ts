import type { NextConfig } from "next";

/** Where `next dev` finds the platform; the exported pages are served by the gateway itself. */
const platform = process.env.MUSICGEN_URL ?? "http://127.0.0.1:8000";
const inDevelopment = process.env.NODE_ENV === "development";

const config: NextConfig = {
  ...(inDevelopment
    ? {
        rewrites: async () => [
          { source: "/api/:path*", destination: `${platform}/api/:path*` },
          { source: "/version", destination: `${platform}/version` },
          { source: "/health/:path*", destination: `${platform}/health/:path*` },
        ],
        skipTrailingSlashRedirect: true,
      }
    : { output: "export" as const }),
  trailingSlash: true,
  reactStrictMode: true,
  devIndicators: false,
  images: { unoptimized: true },
  // `npm run typecheck` is a step of its own: a build on a musician's machine need not repeat it.
  typescript: { ignoreBuildErrors: true },
};

export default config;
