//! Keys of known shape. Each is a prefix, or another unmistakable part, and characters that vary.

/// Keys whose prefix is unmistakable, whatever precedes it. They match ASCII only, and each contains literals, so that the search is fast.
pub(super) const KEYS: &[&str] = &[
    // Models: OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse; Google; LangSmith; Together; Cerebras; Jina; E2B.
    r"[srp]k-(?:proj-|svcacct-|admin-|ant-|or-|lf-)[A-Za-z0-9_-]{16,}",
    r"[srp]k-[A-Za-z0-9]{20,}",
    r"AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}",
    r"lsv2_[A-Za-z0-9_]{20,}|tgp_v1_[A-Za-z0-9_-]{30,}|jina_[A-Za-z0-9_-]{30,}|e2b_[a-z0-9]{30,}",
    // Hosting of sources: GitHub, GitLab, Bitbucket and Atlassian, Sourcegraph.
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
    r"gl(?:pat|rt|rtr|dt|oas|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9_.-]{20,}",
    r"AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{20,}|sgp_[A-Za-z0-9_]{40,}",
    // Clouds: AWS, Azure, DigitalOcean, Alibaba, Tencent, Heroku, Fly, Netlify, Vault, Terraform, Pulumi, Doppler, 1Password, Tailscale.
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}\b|ABSK[A-Za-z0-9+/=]{40,}",
    r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}",
    r"do[opr]_v1_[a-f0-9]{40,}|HRKU-[A-Za-z0-9_-]{30,}",
    r"fm[12][ar]?_[A-Za-z0-9+/=_-]{40,}|nf[poc]_[A-Za-z0-9]{30,}|pul-[a-f0-9]{40}|tskey-[a-z]+-[A-Za-z0-9-]{10,}",
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,}|dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{30,}",
    r"ops_[A-Za-z0-9+/=_-]{80,}|AGE-SECRET-KEY-1[A-Z0-9]{50,}",
    // Databases: Databricks, Supabase, PlanetScale, Neon, Pinecone.
    r"dapi[a-f0-9]{32}|sbp_[a-z0-9_]{30,}|sb_secret_[A-Za-z0-9_-]{20,}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{30,}|napi_[a-z0-9]{40,}",
    r"pcsk_[A-Za-z0-9_]{30,}",
    // Packages: npm, PyPI, RubyGems, NuGet, crates.io, Docker, Artifactory, Clojars.
    r"pypi-[A-Za-z0-9_-]{40,}|rubygems_[a-f0-9]{40,}|oy2[a-z0-9]{43}|dckr_[po]at_[A-Za-z0-9_-]{20,}",
    r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9+/=]{40,}|CLOJARS_[a-z0-9]{60}",
    // Chat: Slack, Discord, Telegram, Teams, Zapier.
    r"xox[a-z]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    r"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{30,}|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"[0-9]{8,12}:A[A-Za-z0-9_-]{34}|webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{40,}|hooks\.zapier\.com/hooks/catch/[0-9]+/[a-z0-9]+",
    // Payments: Stripe, Square, Shopify, Razorpay, Braintree, Plaid, Flutterwave.
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{20,}|whsec_[A-Za-z0-9+/=]{20,}|sq0[a-z]{3}-[A-Za-z0-9_-]{20,}",
    r"shp(?:at|ca|pa|ss|ua)_[a-f0-9]{32}|rzp_(?:live|test)_[A-Za-z0-9]{14,}|access_token\$(?:production|sandbox)\$[a-z0-9]+\$[a-f0-9]{32}",
    r"access-(?:sandbox|development|production)-[0-9a-f-]{36}|FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}",
    // Operations and mail: New Relic, Grafana, Sentry, Honeycomb, Dynatrace, PostHog, Postman, CircleCI, Buildkite, SendGrid, Brevo, Mailchimp.
    r"NRAK-[A-Z0-9]{27}|glsa_[A-Za-z0-9_]{32,}|glc_[A-Za-z0-9+/=]{32,}|sntry[su]_[A-Za-z0-9+/=_-]{40,}|hcaik_[a-z0-9]{40,}",
    r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}|ph[xs]_[A-Za-z0-9]{30,}|PMAK-[a-f0-9-]{30,}|CCIPAT_[A-Za-z0-9_]{40,}|bkua_[a-f0-9]{40}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|xkeysib-[a-f0-9]{64}-[A-Za-z0-9]+|[a-f0-9]{32}-us[0-9]{1,2}\b",
    // Work: Linear, Notion, Figma, Airtable, Asana, HubSpot, Contentful, Typeform.
    r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}|ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{40,}|figd_[A-Za-z0-9_-]{30,}|pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
    r"1/[0-9]{10,}:[a-f0-9]{32}|pat-[a-z]{2}[0-9]-[0-9a-f-]{36}|CFPAT-[A-Za-z0-9_-]{40,}|tfp_[A-Za-z0-9_-]{40,}",
    // Maps and crawlers: Mapbox, Apify.
    r"sk\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}|apify_api_[A-Za-z0-9]{30,}",
    // JSON web tokens, signed or encrypted.
    r"eyJ[A-Za-z0-9_-]{8,}\.(?:[A-Za-z0-9_-]{8,})?\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2}",
];

/// Prefixes that words, or bytes in base64, may hold: the key must stand at the beginning of a word, after an escape or an underscore.
pub(super) const SHORT_KEYS: &str = concat!(
    r"[srp]k-[A-Za-z0-9_-]{16,}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|sk_[a-f0-9]{40,}|xapp-[A-Za-z0-9-]{10,}",
    r"|(?:gsk_|hf_|xai-|pplx-|tvly-|npm_|nvapi-|csk-)[A-Za-z0-9_-]{20,}|r8_[A-Za-z0-9]{30,}|fw_[A-Za-z0-9]{20,}|fc-[a-f0-9]{32}",
    r"|pa-[A-Za-z0-9_-]{40,}|key-[a-f0-9]{32}|SK[a-f0-9]{32}|re_[A-Za-z0-9]{8,}_[A-Za-z0-9]{16,}|rnd_[A-Za-z0-9]{20,}|vc[pkiar]_[A-Za-z0-9]{24,}",
    r"|(?:live|test)_[A-Za-z0-9]{30,}|sl\.[A-Za-z0-9_-]{60,}|EAA[A-Za-z0-9]{80,}|A{20}[A-Za-z0-9%]{40,}|1//0[A-Za-z0-9_-]{40,}|AQ\.[A-Za-z0-9_-]{40,}",
    r"|vercel_blob_rw_[A-Za-z0-9_]{20,}|a[sk]-[A-Za-z0-9]{22}\b|cio[A-Za-z0-9]{32}|LTAI[A-Za-z0-9]{16,}|AKID[A-Za-z0-9]{24,}|EAAA[A-Za-z0-9_-]{58,}",
);

/// Private keys, up to their end, or to the end of the text if they are cut.
pub(super) const BLOCKS: &[&str] = &[
    r"----[- ]BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?[- ]?----(?su:.*?)(?:----[- ]END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?[- ]?----|\z)",
    r"(?i-u:private-lines): [0-9]+(?su:.*?)(?:(?i-u:private-mac):(?u:[^\r\n]*)|\z)",
];

/// Returns whether a text consists of words, as `sk-learn-is-a-library` does: no key has this shape.
pub(super) fn is_wordy(text: &str) -> bool {
    let is_word = |word: &str| {
        let rest = word.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(word);
        word.len() < 16 && rest.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    text.split(|c: char| !c.is_ascii_alphanumeric()).all(is_word)
}
