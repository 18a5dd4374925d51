# One image per program: docker build --build-arg APP=all-in-one -t dnstap-bgp/all-in-one .
# APP: all-in-one, dnstap-ingest, cache, bgp-announcer, sync-gateway. All five come out of one build stage, so that the second to the fifth
# image are a copy; `docker compose build` makes them together.

# What the installed packages depend on, and nothing else: an edit of a source file does not install them again.
FROM node:24-bookworm-slim AS manifests
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY apps apps
COPY libs libs
RUN find apps libs -type f -not -name package.json -delete && find apps libs -type d -empty -delete

FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY --from=manifests /src ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY nx.json tsconfig*.json ./
COPY proto proto
COPY tools tools
COPY libs libs
COPY apps apps
RUN node tools/nx.mjs run-many -t build --outputStyle=static
RUN for app in all-in-one dnstap-ingest cache bgp-announcer sync-gateway; do node tools/runtime-packages.mjs "$app" "/out/$app" || exit 1; done

# The image: Node, one bundle, the native packages it needs. Its root file system may be read-only.
FROM node:24-bookworm-slim
ARG APP=all-in-one
ENV NODE_ENV=production
WORKDIR /opt/dnstap-bgp
# Where the store, the copies of lists and sockets live. A new named volume takes over the owner.
RUN mkdir -p /var/lib/dnstap-bgp /run/dnstap-bgp /etc/dnstap-bgp && chown node:node /var/lib/dnstap-bgp /run/dnstap-bgp
COPY --from=build /out/${APP} ./
# What asks a running program: docker compose exec cache dnstap-bgp explain example.org
RUN printf '#!/bin/sh\nexec node --enable-source-maps /opt/dnstap-bgp/cli/main.js "$@"\n' > /usr/local/bin/dnstap-bgp && chmod 755 /usr/local/bin/dnstap-bgp
# By number, so that Kubernetes' runAsNonRoot can tell.
USER 1000:1000
# V8 does not look at small memory limits by itself: give it NODE_OPTIONS=--max-old-space-size=... with the limit.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["node", "healthcheck.mjs"]
ENTRYPOINT ["node", "--enable-source-maps", "main.js"]
CMD ["--config", "/etc/dnstap-bgp/dnstap-bgp.toml"]
