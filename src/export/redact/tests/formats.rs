//! Secrets of every known format. Their bodies are made here, so that no key stands in this file.

use super::redactor;

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const HEX: &str = "0123456789abcdef";
const URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns characters that look random, but are always the same.
fn body(seed: usize, alphabet: &str, length: usize) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut state = seed as u64 * 2_654_435_761 + 12_345;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        alphabet[(state >> 33) as usize % alphabet.len()]
    };
    (0..length).map(|at| if at == 1 { '7' } else { next() }).collect()
}

/// The parts of a key that are always the same, and the characters between them.
const KEYS: [(&str, &str, usize); 95] = [
    // Models.
    ("sk-", ALNUM, 48),
    ("sk-proj-", URL, 120),
    ("sk-ant-api03-", URL, 90),
    ("sk-or-v1-", HEX, 64),
    ("sk-lf-", HEX, 36),
    ("gsk_", ALNUM, 52),
    ("hf_", ALNUM, 34),
    ("xai-", ALNUM, 80),
    ("pplx-", ALNUM, 48),
    ("tvly-", ALNUM, 32),
    ("nvapi-", URL, 64),
    ("AIza", URL, 35),
    ("ya29.", URL, 120),
    ("GOCSPX-", URL, 28),
    ("lsv2_pt_", HEX, 43),
    ("tgp_v1_", URL, 43),
    ("jina_", ALNUM, 60),
    ("e2b_", HEX, 40),
    ("r8_", ALNUM, 37),
    ("fw_", ALNUM, 24),
    ("fc-", HEX, 32),
    ("csk-", LOWER, 48),
    ("pa-", URL, 43),
    ("pcsk_", ALNUM, 60),
    // Hosting of sources.
    ("ghp_", ALNUM, 36),
    ("gho_", ALNUM, 36),
    ("ghs_", ALNUM, 36),
    ("github_pat_", ALNUM, 82),
    ("glpat-", URL, 20),
    ("glrt-", URL, 20),
    ("gldt-", URL, 20),
    ("glptt-", HEX, 40),
    ("ATBB", ALNUM, 32),
    ("ATATT3xFfGF0", URL, 180),
    ("sgp_", HEX, 40),
    // Clouds.
    ("AKIA", UPPER, 16),
    ("ASIA", UPPER, 16),
    ("ABSK", ALNUM, 120),
    ("dop_v1_", HEX, 64),
    ("doo_v1_", HEX, 64),
    ("LTAI", ALNUM, 20),
    ("AKID", ALNUM, 32),
    ("HRKU-", URL, 40),
    ("fm2_", ALNUM, 100),
    ("nfp_", ALNUM, 36),
    ("pul-", HEX, 40),
    ("tskey-auth-", ALNUM, 30),
    ("hvs.", URL, 90),
    ("dp.pt.", ALNUM, 43),
    ("ops_", ALNUM, 200),
    ("AGE-SECRET-KEY-1", UPPER, 58),
    ("abc8Q~", URL, 34),
    // Databases.
    ("dapi", HEX, 32),
    ("sbp_", HEX, 40),
    ("sb_secret_", URL, 31),
    ("pscale_tkn_", URL, 43),
    ("pscale_pw_", URL, 43),
    ("napi_", LOWER, 64),
    // Packages.
    ("npm_", ALNUM, 36),
    ("pypi-AgEIcHlwaS5vcmc", URL, 150),
    ("rubygems_", HEX, 48),
    ("oy2", LOWER, 43),
    ("cio", ALNUM, 32),
    ("dckr_pat_", URL, 27),
    ("AKCp", ALNUM, 69),
    ("CLOJARS_", LOWER, 60),
    // Chat.
    ("xoxb-", ALNUM, 50),
    ("xapp-1-", ALNUM, 60),
    ("https://hooks.slack.com/services/T01234567/B01234567/", ALNUM, 24),
    ("https://discord.com/api/webhooks/123456789012345678/", URL, 68),
    ("1234567890:AA", URL, 33),
    // Payments.
    ("sk_live_", ALNUM, 24),
    ("rk_test_", ALNUM, 24),
    ("whsec_", ALNUM, 32),
    ("sq0csp-", URL, 43),
    ("EAAA", URL, 60),
    ("shpat_", HEX, 32),
    ("rzp_live_", ALNUM, 14),
    ("access_token$production$abc$", HEX, 32),
    ("FLWSECK-", ALNUM, 32),
    // Operations, mail and work.
    ("NRAK-", UPPER, 27),
    ("glsa_", ALNUM, 32),
    ("sntrys_", ALNUM, 90),
    ("hcaik_", LOWER, 58),
    ("phx_", ALNUM, 43),
    ("key-", HEX, 32),
    ("SK", HEX, 32),
    ("lin_api_", ALNUM, 40),
    ("ntn_", ALNUM, 46),
    ("secret_", ALNUM, 43),
    ("figd_", URL, 40),
    ("tfp_", URL, 44),
    ("apify_api_", ALNUM, 36),
    ("eyJhbGciOiJkaXIifQ..abcdefgh.ijklmnop.", URL, 22),
    ("sk.eyJ1Ijoiabcdefghijklmnopqrst.", URL, 22),
];

#[test]
fn keys_of_every_format_are_hidden_wherever_they_stand() {
    let redactor = redactor();
    for (seed, (start, alphabet, length)) in KEYS.into_iter().enumerate() {
        let secret = body(seed, alphabet, length);
        let key = format!("{start}{secret}");
        for (before, after) in [
            ("Please use ", " for it."),
            ("", ""),
            ("{\"value\": \"", "\"}"),
            (r#"{\"value\": \"a\n"#, r#"\"}"#),
            ("x = '", "'"),
            ("(", ")"),
            ("name,", ",3"),
            ("https://h/?q=", "&n=1"),
        ] {
            let text = format!("{before}{key}{after}");
            let hidden = redactor.text(&text);
            assert!(!hidden.contains(&secret[..secret.len() - 2]), "{text}: {hidden}");
            assert!(hidden.starts_with(before) && hidden.ends_with(after), "{text}: {hidden}");
        }
    }
}

#[test]
fn values_behind_names_are_hidden_in_every_notation() {
    let redactor = redactor();
    let names = [
        "password",
        "DB_PASSWORD",
        "passwd",
        "passphrase",
        "apiKey",
        "api_key",
        "OPENAI_API_KEY",
        "x-api-key",
        "client_secret",
        "clientSecret",
        "secret",
        "SECRET_KEY",
        "aws_secret_access_key",
        "accessToken",
        "refresh_token",
        "auth-token",
        "token",
        "bot_token",
        "private_key",
        "AccountKey",
        "SharedAccessKey",
        "Ocp-Apim-Subscription-Key",
        "signing_key",
        "encryptionKey",
    ];
    let secret = body(7, ALNUM, 20);
    for name in names {
        for (before, after) in [
            (format!("{{\"{name}\": \""), "\", \"n\": 1}"),
            (format!(r#"{{\"{name}\": \""#), r#"\", \"n\": 1}"#),
            (format!("{{'{name}': '"), "', 'n': 1}"),
            (format!("{{'{name}': b'"), "', 'n': 1}"),
            (format!("{{{name}: '"), "', n: 1}"),
            (format!("const {name} = `"), "`;"),
            (format!("f({name}=\""), "\", n=1)"),
            (format!("{name} := \""), "\"\nn := 1"),
            (format!("{{:{name} => \""), "\", :n => 1}"),
            (format!("os.environ[\"{name}\"] = \""), "\"\n"),
            (format!("(b'{name}', b'"), "')"),
            (format!("('{name}', '"), "')"),
            (format!("{{\"name\": \"{name}\", \"value\": \""), "\"}"),
            (format!("{name}: str = \""), "\"\nn = 1"),
            (format!("{name}: Optional[str] = '"), "'\nn = 1"),
            (format!("{name}=SecretStr('"), "'), n=1"),
            (format!("{name} = \"\"\""), "\"\"\"\nn = 1"),
            (format!("{{\"{name}\": [\""), "\"], \"n\": 1}"),
            (format!("<add key=\"{name}\" value=\""), "\" n=\"1\"/>"),
            (format!("<{name}>"), "</n>"),
            (format!("https://h/?next=a%3F{name}%3D"), "%26n%3D1"),
            (format!("{name}="), "\nN=1"),
            (format!("https://h/?{name}="), "&n=1"),
            (format!("Endpoint=h;{name}="), ";N=1"),
        ] {
            let hidden = redactor.text(&format!("{before}{secret}{after}")).into_owned();
            assert!(hidden.starts_with(&before) && hidden.ends_with(after) && !hidden.contains(&secret), "{before}: {hidden}");
        }
    }
    for name in ["pwd", "pass", "db_pass", "credentials", "jwt", "cookie", "connectionString", "ssh_key", "otp", "pw", "recovery_code"] {
        let hidden = redactor.text(&format!("{{\"{name}\": \"{secret}\", \"n\": 1}}")).into_owned();
        assert!(!hidden.contains(&secret), "{hidden}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn secrets_in_urls_connection_strings_and_command_lines_are_hidden() {
    let redactor = redactor();
    let secret = body(11, ALNUM, 14);
    for text in [
        "postgresql://ai:§@db/ai",
        "postgresql://ai:p/§@db/ai",
        "postgresql://ai:pa@§@db/ai",
        "postgresql+psycopg://ai:pa@§@db.example.com:5432/ai",
        "mysql://root:a/b@§@h:3306/d",
        "redis://:§@h:6379/0",
        "mongodb+srv://u:§@h.example.net/d?w=1",
        "amqps://u:§@h/v",
        "https://u:§@h/p",
        "http://u:a@§@h/p",
        "AccountName=a;AccountKey=§==;EndpointSuffix=e",
        "Server=h;Uid=sa;Pwd=§;",
        "Server=h;User Id=sa;Password=§;",
        "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=§=",
        "https://a.example/c?sv=2022&sig=§§",
        "DB_PASS=§",
        "MYSQL_PWD=§ mysql",
        "PGPASSWORD=§ psql",
        "export APP_SECRET=§",
        "STRIPE_CREDENTIALS=§",
        "curl -u admin:§ https://h",
        "curl -s -X POST --user 'admin:§' https://h",
        "curl -H \"X-Api-Key: §\" https://h",
        "curl -H 'Authorization: Token §' https://h",
        "mysql -h h -u root -p§ d",
        "mysqldump -p§ d",
        "sshpass -p § ssh h",
        "redis-cli -h h -a § ping",
        "docker login -u u -p § h",
        "tool --api-key § --n 1",
        "tool --db-password=§",
        "tool --token §",
        "tool --client-secret '§'",
        "aws configure set aws_secret_access_key §§",
        "podman login -u u -p § h",
        "az login --service-principal -u u -p § --tenant t",
        "ldapsearch -x -D cn=a -w § b",
        "openssl rsa -in k -passin pass:§ -out o",
        "zip -r -P § a.zip b",
        "htpasswd -cb f u §",
        "mc alias set s3 https://h id §",
        "smbclient //h/s -U u%§",
        "jdbc:oracle:thin:scott/§@//h:1521/x",
        "https://h/k?X-Amz-Date=1&X-Amz-Signature=§§",
        "https://h/k?Expires=1&Signature=§§%3D",
        "https://h/api/f?code=§§§==",
        "ALGOLIA_ADMIN_KEY=§§",
        "AZDO_PAT=§§",
        "secret: §",
        "ApiKey §§==",
        "The client secret is §.",
        "the password is §!x",
        "Authorization: Basic §§",
        "proxy-authorization: §",
        "[\"authorization\", \"§\"]",
        "my token is §, yes",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n§\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n§",
        "-----BEGIN EC PRIVATE KEY-----\\n§\\n-----END EC PRIVATE KEY-----",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n§",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n§\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
        "ENV DB_PASSWORD §",
        "setx STRIPE_SECRET §",
        "openssl enc -aes-256-cbc -k § -in f",
        "vault login §",
        "gh secret set TOKEN --body §",
        "sqlcmd -S s -U sa -P § -Q q",
        "net use \\\\h\\s /user:u §",
        "[\"tool\", \"--password\", \"§\"]",
        "['--api-key', '§']",
        "{\"args\": \"[\\\"--token\\\",\\\"§\\\"]\"}",
        "machine h login me password §",
        "machine h\n  login me\n  password §",
        "my API key: §",
        "Authorization: Digest username=\"u\", response=\"§\"",
        "db.example.com:5432:app:user:§",
        "*:*:*:user:§",
        "https://h/api?key=§§",
        "{\"kty\":\"EC\",\"d\":\"§§§a\"}",
        "psk=\"§\"",
        "mnemonic: \"a § b\"",
        "vercel_blob_rw_§§",
        "| password | § |",
        "| user | u |\n| api_key | § |",
        "password：§",
        "Passwort: §",
        "mot de passe : §",
        "contraseña: §",
        "密码：§",
        "ansible_ssh_pass=§",
        "- name: API_TOKEN\n  value: §",
        "- name: \"DB_PASSWORD\"\n  value: \"§\"",
        "SECRET_KEY_BASE=§§",
        "Private-Lines: 2\n§\nPrivate-MAC: 1",
    ] {
        let hidden = redactor.text(&text.replace('§', &secret)).into_owned();
        assert!(!hidden.contains(&secret), "{text}: {hidden}");
    }
}
