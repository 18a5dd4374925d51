# One image per program: docker build --build-arg APP=all-in-one -t dnstap-bgp/all-in-one .
# APP: all-in-one, dnstap-ingest, cache, bgp-announcer, sync-gateway.
# Build: everything is compiled once and shared by the layers cache; the final image holds Node, one bundle, and the native packages it needs.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc nx.json tsconfig*.json ./
COPY apps apps
COPY libs libs
COPY proto proto
COPY tools tools
RUN npm ci --ignore-scripts --no-audit --no-fund
RUN NX_DAEMON=false NX_NO_CLOUD=true NX_TUI=false node tools/nx.mjs run-many -t build --outputStyle=static
ARG APP=all-in-one
RUN node tools/runtime-packages.mjs "$APP" /out

FROM node:24-bookworm-slim
ARG APP=all-in-one
ENV NODE_ENV=production APP=$APP
WORKDIR /opt/dnstap-bgp
COPY --from=build /out/ ./
# Where the store and the sockets live; both are volumes in docker-compose.yml. The root file system may be read-only.
RUN mkdir -p /var/lib/dnstap-bgp /run/dnstap-bgp /etc/dnstap-bgp && chown node:node /var/lib/dnstap-bgp /run/dnstap-bgp
USER node
# V8 does not look at small memory limits by itself: give it NODE_OPTIONS=--max-old-space-size=… with the limit.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["node", "healthcheck.mjs"]
ENTRYPOINT ["node", "--enable-source-maps", "main.js"]
CMD ["--config", "/etc/dnstap-bgp/dnstap-bgp.toml"]
