# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of ./run
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# secrets.sh - the files of secrets for docker-compose.yml.
# Sourced by ./run, whose functions and variables it uses.
: "${root:?}" "${home:?}"

# make_secret_files: a file of its own for each secret of docker-compose.yml, in a folder that only the caller may
# enter; the files themselves can be read, because each is mounted alone into containers of another account.
make_secret_files() {
  local folder settings=$root/.metering.env name file value made_now=()
  local -A before=()
  read_env "$settings" before
  # As Compose finds it: the environment goes before the file, and a relative path begins at the compose file.
  folder=${before[METERING_SECRETS]:-} folder=${folder#[\'\"]} folder=${folder%[\'\"]}
  folder=${METERING_SECRETS:-${folder:-.metering.secrets}}
  [[ $folder == /* ]] || folder=$root/${folder#./}
  mkdir -p "$folder" && chmod 700 "$folder"
  for name in PASSWORD_HASH JWT_SECRET API_KEY READ_API_KEY DATABASE_PASSWORD WIRE_KEY_GATEWAY WIRE_KEY_REPORTD \
    OPENROUTER_API_KEY OPENWEBUI_API_KEY DELIVERY_WEBHOOK_URL DELIVERY_WEBHOOK_SECRET WEBUI_SECRET_KEY; do
    file=$folder/${name,,} value=${before[$name]:-}
    [[ ! -s $file ]] || continue
    value=${value#[\'\"]} value=${value%[\'\"]}
    case $name in
      JWT_SECRET | API_KEY | READ_API_KEY | DATABASE_PASSWORD | WIRE_KEY_* | WEBUI_SECRET_KEY) value=${value:-$(random_text 48)} ;;
    esac
    printf '%s' "$value" >"$file"
    chmod 644 "$file"
    [[ -z $value ]] || made_now+=("${name,,}")
  done
  say "Secrets are in $folder, a file each${made_now[*]:+; made now: ${made_now[*]}}."
  [[ -s $folder/password_hash ]] || say "password_hash is empty: gateway --hash-password makes it, see README.md."
  [[ -s $folder/openrouter_api_key ]] || say "openrouter_api_key is empty: put OpenRouter's key there."
  for name in "${!before[@]}"; do
    if [[ -f $folder/${name,,} && -n ${before[$name]} ]]; then say "$name in .metering.env counts no more; take it out."; fi
  done
}
