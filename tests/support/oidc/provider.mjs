// A real OIDC provider (oidc-provider, certified) for one client: node provider.mjs SETTINGS.json
// Its people, with their claims, are read from a file at each question; any password is right.
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const settings = read(process.argv[2]);
const provider = new Provider(settings.issuer, {
  clients: [
    {
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: [settings.back],
      post_logout_redirect_uris: [settings.home],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  claims: {
    openid: ["sub"],
    profile: ["name", "preferred_username", "groups", "shops"],
    email: ["email", "email_verified"],
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...read(settings.people)[id] }),
  }),
  jwks: read(settings.keys),
  cookies: { keys: ["of a test"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
});
provider.listen(Number(new URL(settings.issuer).port), "127.0.0.1", () => console.log("ready"));
