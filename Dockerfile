# One image per program: docker build --build-arg APP=all-in-one -t dnstap-bgp/all-in-one .
# APP: all-in-one, dnstap-ingest, cache, bgp-announcer, sync-gateway. All five come out of one build stage, so that the second to the fifth
# image are a copy; `docker compose build` makes them together.
#
# The base image is a tag here. To build from one exact image, let `node tools/pin-images.mjs` look its digest up (it needs the registry) and
# give it: docker compose reads the .env that it writes; for a single image --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:...
ARG NODE_IMAGE=node:24-bookworm-slim

# What the installed packages depend on, and nothing else: an edit of a source file does not install them again.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY apps apps
COPY libs libs
RUN find apps libs -type f -not -name package.json -delete && find apps libs -type d -empty -delete

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY --from=manifests /src ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY LICENSE nx.json tsconfig*.json ./
COPY proto proto
COPY tools tools
COPY libs libs
COPY apps apps
RUN node tools/nx.mjs run-many -t build --outputStyle=static
RUN for app in all-in-one dnstap-ingest cache bgp-announcer sync-gateway; do node tools/runtime-packages.mjs "$app" "/out/$app" || exit 1; done

# The image: Node, one bundle, the native packages it needs. Its root file system may be read-only.
FROM ${NODE_IMAGE}
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
